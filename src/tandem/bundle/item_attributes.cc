#include "tandem/bundle/item_attributes.h"

#include <vector>

namespace tandem::bundle {

Result<index::AttributeTable> ItemAttributes(const Items& items) {
  index::AttributeTable table(items.ids.size());
  std::vector<int32_t> codes = items.category_lists.values;
  for (int32_t& code : codes) --code;  // ids of a vocabulary are from 1
  TANDEM_RETURN_IF_ERROR(table.AddCategories("category", items.categories.tokens(),
                                             items.category_lists.offsets, codes));
  TANDEM_RETURN_IF_ERROR(
      table.AddNumbers("popularity", {items.popularity.begin(), items.popularity.end()}));
  return table;
}

}  // namespace tandem::bundle
