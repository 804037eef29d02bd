// What filters can ask of a bundle's items: "category", those of the item, and "popularity", its
// interactions in the training, a number. Pure functions.
#pragma once

#include "tandem/base/status.h"
#include "tandem/bundle/bundle.h"
#include "tandem/index/attributes.h"

namespace tandem::bundle {

// A table over the rows of items, with memory of its own. Takes time linear in the items and their
// categories: made once for a bundle.
Result<index::AttributeTable> ItemAttributes(const Items& items);

}  // namespace tandem::bundle
