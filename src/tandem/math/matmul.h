// Matrix products on the calling thread alone, by oneDNN's sgemm. To use several threads, cut the
// rows into shards by shape and give each a product (base/parallel.h): then the bits do not depend
// on the number of threads.
#pragma once

#include "tandem/math/matrix.h"

namespace tandem::math {

enum class Transpose { kNo, kYes };

// c = alpha op(a) op(b) + beta c, with op(a) [m, k], op(b) [k, n], c [m, n]; with beta 0, c may
// be uninitialised. Shapes that do not fit are a defect of the caller and end the program; out of
// memory is std::bad_alloc.
void MatMul(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
            ConstMatrixView b, float beta, MatrixView c);

}  // namespace tandem::math
