// Packs a boolean attention mask to bits.
//   word[q][k / 64] = mask[q][k] << k % 64, and the transposed words for kernels that own keys
// One block of 8 warps takes a tile of 64 queries x 64 keys: a ballot of 32 lanes is half a word, and a second round of
// ballots over the words in shared memory transposes them. Bytes moved: the mask once, and an eighth of that written
// (a quarter with the transposed words). A mask that heads or samples share is packed once for all of them.
#include "kernels/attention_mask.h"

#include "kernels/launch.h"

namespace mote::cuda {

namespace {

constexpr int kWarps = 8, kRowsOfWarp = kMaskTile / kWarps;

struct MaskSource {
  const bool* data;
  int64_t batch_stride, head_stride, query_stride, key_stride;
  int64_t heads, queries, keys;  // heads that have a mask of their own
};

__device__ uint64_t ballots(bool low, bool high) {
  const unsigned first = __ballot_sync(kAllLanes, low);
  return uint64_t{__ballot_sync(kAllLanes, high)} << 32 | first;
}

__global__ void __launch_bounds__(32 * kWarps)
    pack_mask_kernel(MaskSource mask, uint64_t* words, uint64_t* words_by_key, uint8_t* classes) {
  __shared__ uint64_t tile[kMaskTile];
  const int64_t query_tiles = ceil_div<int64_t>(mask.queries, kMaskTile);
  const int64_t key_tiles = ceil_div<int64_t>(mask.keys, kMaskTile);
  const int64_t plane = blockIdx.x / (query_tiles * key_tiles);
  const int64_t query_tile = blockIdx.x / key_tiles % query_tiles, key_tile = blockIdx.x % key_tiles;
  const int64_t query = query_tile * kMaskTile, key = key_tile * kMaskTile;
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * kRowsOfWarp;
  const bool* const data = mask.data + plane / mask.heads * mask.batch_stride + plane % mask.heads * mask.head_stride;
#pragma unroll
  for (int i = 0; i < kRowsOfWarp; ++i) {
    const int64_t q = query + row + i;
    const auto at = [&](int64_t k) {
      return q < mask.queries && k < mask.keys && data[q * mask.query_stride + k * mask.key_stride];
    };
    const uint64_t word = ballots(at(key + lane), at(key + lane + 32));
    if (lane == 0) tile[row + i] = word;
  }
  __syncthreads();
  const int thread = threadIdx.x;
  const bool owns_row = thread < kMaskTile && query + thread < mask.queries;
  const uint64_t word = owns_row ? tile[thread] : 0;
  if (owns_row) words[(plane * mask.queries + query + thread) * key_tiles + key_tile] = word;
  const bool any = __syncthreads_or(word != 0);
  const bool all = __syncthreads_and(!owns_row || word == low_bits(mask.keys - key));
  if (thread == 0)
    classes[blockIdx.x] = static_cast<uint8_t>(!any ? TileClass::Empty : all ? TileClass::Full : TileClass::Partial);
  if (!words_by_key) return;
#pragma unroll
  for (int i = 0; i < kRowsOfWarp; ++i) {
    const int k = row + i;
    const uint64_t column = ballots(tile[lane] >> k & 1, tile[lane + 32] >> k & 1);
    if (lane == 0 && key + k < mask.keys)
      words_by_key[(plane * mask.keys + key + k) * query_tiles + query_tile] = column;
  }
}

}  // namespace

PackedMask::PackedMask(const char* op, const AttentionArgs& args, bool with_keys_in_rows)
    : queries_(args.q.shape[2]), keys_(args.k.shape[2]), causal_(args.causal) {
  if (!args.mask || args.mask->numel() == 0) return;
  const View& mask = *args.mask;
  const auto own = [&](int dim) { return mask.strides[dim] == 0 ? int64_t{1} : mask.shape[dim]; };
  samples_ = own(0);
  heads_ = own(1);
  const int64_t planes = samples_ * heads_;
  const int64_t query_tiles = ceil_div<int64_t>(queries_, kMaskTile), key_tiles = ceil_div<int64_t>(keys_, kMaskTile);
  const auto words = [&](int64_t count) {
    return DeviceBuffer(static_cast<size_t>(planes * count) * sizeof(uint64_t), mask.device);
  };
  words_ = words(queries_ * key_tiles);
  if (with_keys_in_rows) words_by_key_ = words(keys_ * query_tiles);
  classes_ = DeviceBuffer(static_cast<size_t>(planes * query_tiles * key_tiles), mask.device);
  const MaskSource source{mask.as<const bool>(), mask.strides[0], mask.strides[1], mask.strides[2],
                          mask.strides[3],       heads_,          queries_,        keys_};
  const auto tiles = static_cast<unsigned>(planes * query_tiles * key_tiles);
  launch(op, {dim3(tiles), dim3(32 * kWarps)}, mask.device, pack_mask_kernel, source, words_.as<uint64_t>(),
         words_by_key_.as<uint64_t>(), classes_.as<uint8_t>());
}

AttentionMask PackedMask::mask(bool keys_in_rows) const {
  AttentionMask result;
  HeadMask& first = result.first;
  first.rows = static_cast<int>(keys_in_rows ? keys_ : queries_);
  first.columns = static_cast<int>(keys_in_rows ? queries_ : keys_);
  first.causal = causal_;
  first.keys_in_rows = keys_in_rows;
  if (!words_.data()) return result;
  const int64_t query_tiles = ceil_div<int64_t>(queries_, kMaskTile), key_tiles = ceil_div<int64_t>(keys_, kMaskTile);
  first.words = (keys_in_rows ? words_by_key_ : words_).as<const uint64_t>();
  first.classes = classes_.as<const uint8_t>();
  first.row_step = keys_in_rows ? 1 : key_tiles;
  first.column_step = keys_in_rows ? key_tiles : 1;
  const int64_t words = keys_in_rows ? keys_ * query_tiles : queries_ * key_tiles;
  const int64_t classes = query_tiles * key_tiles;
  result.head_words = heads_ > 1 ? words : 0;
  result.head_classes = heads_ > 1 ? classes : 0;
  result.batch_words = samples_ > 1 ? words * heads_ : 0;
  result.batch_classes = samples_ > 1 ? classes * heads_ : 0;
  return result;
}

}  // namespace mote::cuda
