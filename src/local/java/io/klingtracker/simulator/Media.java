package io.klingtracker.simulator;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The files behind result URLs: small but real, in whole or by range, until the URL expires. */
final class Media {

  private static final Map<String, String> TYPES =
      Map.of("mp4", "video/mp4", "jpg", "image/jpeg", "mp3", "audio/mpeg");
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d*)-(\\d*)");

  private final Clock clock;
  private final Map<String, Buffer> files = new HashMap<>();

  Media(Clock clock) {
    this.clock = clock;
    TYPES.keySet().forEach(extension -> files.put(extension, load(extension)));
  }

  private static Buffer load(String extension) {
    try (InputStream in = Media.class.getResourceAsStream("result." + extension)) {
      if (in == null) {
        throw new IllegalStateException("result." + extension + " is missing");
      }
      return Buffer.buffer(in.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void serve(HttpServerRequest request) {
    String path = request.path();
    Buffer file = files.get(path.substring(path.lastIndexOf('.') + 1));
    if (file == null) {
      request.response().setStatusCode(404).end();
      return;
    }
    String expires = request.getParam("Expires");
    if (expires != null
        && expires.matches("\\d{1,18}")
        && Long.parseLong(expires) < clock.millis() / 1000) {
      request.response().setStatusCode(403).end();
      return;
    }
    request
        .response()
        .putHeader("Content-Type", TYPES.get(path.substring(path.lastIndexOf('.') + 1)))
        .putHeader("Accept-Ranges", "bytes");
    answer(request, file, request.getHeader("Range"));
  }

  private static void answer(HttpServerRequest request, Buffer file, @Nullable String range) {
    Matcher matcher = RANGE.matcher(range == null ? "" : range);
    int start = 0;
    int end = file.length() - 1;
    if (matcher.matches() && matcher.group().length() > "bytes=-".length()) {
      if (matcher.group(1).isEmpty()) {
        start = Math.max(0, file.length() - number(matcher.group(2)));
      } else {
        start = number(matcher.group(1));
        end = matcher.group(2).isEmpty() ? end : Math.min(end, number(matcher.group(2)));
      }
      if (start > end) {
        request
            .response()
            .setStatusCode(416)
            .putHeader("Content-Range", "bytes */" + file.length())
            .end();
        return;
      }
      request
          .response()
          .setStatusCode(206)
          .putHeader("Content-Range", "bytes " + start + "-" + end + "/" + file.length());
    }
    request.response().putHeader("Content-Length", Integer.toString(end - start + 1));
    if (request.method() == io.vertx.core.http.HttpMethod.HEAD) {
      request.response().end();
    } else {
      request.response().end(file.getBuffer(start, end + 1));
    }
  }

  private static int number(String digits) {
    return digits.length() > 9 ? Integer.MAX_VALUE : Integer.parseInt(digits);
  }
}
