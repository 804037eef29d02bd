#include <utility>

#include "tandem/bundle/reader.h"
#include "tandem/cli/verbs.h"

namespace tandem::cli {

Status Inspect(Env& env, const InspectOptions& options, std::ostream& out) {
  TANDEM_ASSIGN_OR_RETURN(const auto bundle, bundle::Open(env, options.path));
  out << "version      " << bundle->version << "\nfingerprint  " << bundle->fingerprint
      << "\nusers        " << bundle->users.ids.size() << "\nitems        "
      << bundle->items.ids.size() << "\ncategories   " << bundle->items.categories.size()
      << "\ndimension    " << bundle->dimension() << "\nquery tower  "
      << model::Name(bundle->config.query) << "\nitem tower   " << model::Name(bundle->config.item)
      << "\nrating head  " << model::Name(bundle->config.rating) << "\nseed         "
      << bundle->provenance.seed << "\ngolden       " << bundle->golden.size()
      << " samples, replayed\n";
  for (const auto& [name, value] : bundle->provenance.metrics) {
    out << "metric       " << name << " " << value << '\n';
  }
  out << "parameters\n";
  for (const nn::Parameter* parameter : std::as_const(*bundle->model).Parameters()) {
    out << "  " << parameter->name() << " [" << parameter->rows() << ", " << parameter->cols()
        << "]\n";
  }
  return {};
}

}  // namespace tandem::cli
