package io.klingtracker.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a body as they arrive. Memory follows what has arrived, never what was announced,
 * and a flood of tiny parts weighs no more than their bytes; a body that comes in one part is not
 * copied.
 */
final class Gathered {

  private static final int SMALLEST_BLOCK = 512;
  private static final int LARGEST_BLOCK = 1 << 20;

  private final List<ByteBuf> full = new ArrayList<>(0);
  private @Nullable Buffer first;
  private byte[] block = new byte[0];
  private int used;
  private int length;

  /** Bytes so far. */
  int length() {
    return length;
  }

  void add(Buffer part) {
    if (length == 0) {
      first = part;
    } else {
      if (first != null) {
        copy(first);
        first = null;
      }
      copy(part);
    }
    length += part.length();
  }

  /** All of it; to be asked for once. */
  Buffer whole() {
    if (first != null) {
      return first;
    }
    full.add(Unpooled.wrappedBuffer(block, 0, used));
    return Buffer.buffer(Unpooled.wrappedBuffer(full.size(), full.toArray(ByteBuf[]::new)));
  }

  private void copy(Buffer part) {
    int from = 0;
    while (from < part.length()) {
      if (used == block.length) {
        if (used > 0) {
          full.add(Unpooled.wrappedBuffer(block));
        }
        int left = part.length() - from;
        block = new byte[Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, Math.max(left, length)))];
        used = 0;
      }
      int count = Math.min(part.length() - from, block.length - used);
      part.getBytes(from, from + count, block, used);
      used += count;
      from += count;
    }
  }
}
