package io.klingtracker.custody;

import io.klingtracker.custody.CustodyStore.Claimed;
import io.klingtracker.custody.CustodyStore.Copy;
import io.klingtracker.egress.Fetched;
import io.klingtracker.egress.PinnedClient;
import io.klingtracker.egress.RefusedTargetException;
import io.klingtracker.egress.Target;
import io.klingtracker.storage.Storage;
import io.klingtracker.upstream.ResultHosts;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Copies one result: from Kling's hosts alone, in bounded memory, whole or not at all. Blocks. */
final class Copier {

  /** Larger ones are not copied. */
  static final long MAX_BYTES = 2L << 30;

  /** How long a copy waits for the next bytes. */
  static final Duration IDLE = Duration.ofSeconds(30);

  private static final int OK = 200;

  private final PinnedClient client;
  private final ResultHosts hosts;
  private final Storage storage;
  private final long maxBytes;
  private final Duration idle;

  /**
   * A copier.
   *
   * @param maxBytes of one copy
   * @param idle how long one waits for its next bytes
   */
  Copier(PinnedClient client, ResultHosts hosts, Storage storage, long maxBytes, Duration idle) {
    this.client = client;
    this.hosts = hosts;
    this.storage = storage;
    this.maxBytes = maxBytes;
    this.idle = idle;
  }

  /** A result could not be copied; the message says why, for people. */
  static final class CopyFailedException extends Exception {

    private static final long serialVersionUID = 1L;

    private final boolean forGood;

    CopyFailedException(String reason, boolean forGood) {
      super(reason, null, false, false);
      this.forGood = forGood;
    }

    /** Whether it would fail another time too. */
    boolean isForGood() {
      return forGood;
    }
  }

  /** Copies a result into an object that nothing else has the name of. */
  Copy copy(Claimed claimed, ResultItem item) throws CopyFailedException, InterruptedException {
    try {
      String host = Target.parse(item.url()).host();
      if (!hosts.isExpected(host)) {
        throw new CopyFailedException(host + " is none of kling.result-hosts", false);
      }
      Fetched answer = client.get(item.url(), idle).toCompletableFuture().get();
      if (answer instanceof Fetched.Failed failed) {
        throw new CopyFailedException(failed.detail(), false);
      }
      Fetched.Begun begun = (Fetched.Begun) answer;
      try (InputStream body = begun.body()) {
        if (begun.status() != OK) {
          throw new CopyFailedException("Kling answered " + begun.status(), false);
        }
        return copy(claimed, item, body, begun.length());
      }
    } catch (RefusedTargetException e) {
      throw new CopyFailedException("the URL " + e.rule(), true);
    } catch (CopyStream.TooLargeException e) {
      throw new CopyFailedException(String.valueOf(e.getMessage()), true);
    } catch (IOException e) {
      throw new CopyFailedException(String.valueOf(e.getMessage()), false);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a request never fails", e);
    }
  }

  private Copy copy(Claimed claimed, ResultItem item, InputStream body, long length)
      throws IOException, CopyFailedException {
    CopyStream content = new CopyStream(body, maxBytes, length);
    byte[] first = content.readNBytes(MediaType.BYTES);
    MediaType type = MediaType.of(first);
    if (type == null) {
      throw new CopyFailedException("what came is no video, picture or sound", false);
    }
    String object = name(claimed, item, type);
    storage.put(object, new SequenceInputStream(new ByteArrayInputStream(first), content));
    return new Copy(item.index(), type, content.bytes(), content.digest(), object);
  }

  /** Two that copy the same at once, since one was taken for dead, write two objects. */
  private static String name(Claimed claimed, ResultItem item, MediaType type) {
    return "%s/%s/%s-%s.%s"
        .formatted(
            claimed.tenant(),
            claimed.taskId(),
            item.index(),
            HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt()),
            type.extension());
  }

  /** Removes the object of a copy that counts for nothing. */
  void discard(@Nullable Copy copy) throws IOException {
    if (copy != null) {
      storage.delete(copy.object());
    }
  }
}
