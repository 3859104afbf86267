package io.klingtracker.http;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whose a path is: who may come, how large a body may be, and in what shape refusals are. The one
 * reading of paths, used by every filter. A path that could be read in two ways is refused ({@link
 * #isPlain}) before any of them; until then {@link #of} reads it as a lenient router would, so that
 * no spelling makes a guarded path an open one.
 */
public enum Front {
  /** {@code /kling}: Kling's own paths and shapes; needs a tenant's key. */
  KLING,
  /** {@code /v1}: the native API; needs a tenant's key. */
  NATIVE,
  /** {@code /admin}: needs an administrator's key. */
  ADMIN,
  /** {@code /callbacks}: what Kling calls; the token is in the path. */
  CALLBACK,
  /**
   * {@code /console}: pages for people; a session, for which a key was exchanged, is in a cookie.
   */
  CONSOLE,
  /** Everything else: health, metrics, documents. Nobody needs a key, and nothing takes a body. */
  OPEN;

  private static final Set<String> DOTS = Set.of(".", "..");

  /** Quarkus' own routes: metrics, documents, health. */
  private static final String MANAGEMENT = "q";

  /** Of these, what shows load balancers and Kubernetes whether we live, and nothing more. */
  private static final Set<String> HEALTH =
      Set.of("/q/health", "/q/health/live", "/q/health/ready", "/q/health/started");

  /** Whether an {@code Authorization} is needed before anything is read. */
  public boolean needsKey() {
    return this == KLING || this == NATIVE || this == ADMIN;
  }

  /** Whether Kling's clients, or Kling itself, call here and expect Kling's words. */
  public boolean speaksKling() {
    return this == KLING || this == CALLBACK;
  }

  /** The front as a label of metrics. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The front of a path as it came in the request line, without the query. */
  public static Front of(@Nullable String path) {
    return path == null ? OPEN : ofFirst(firstSegment(path));
  }

  /**
   * What of a path is behind its first segment, which names its front: {@code v1/x} of {@code
   * /kling/v1/x}. Empty when there is nothing.
   */
  public static String rest(String path) {
    int end = path.indexOf('/', 1);
    return end < 0 ? "" : path.substring(end + 1);
  }

  /**
   * Whether a path is for operators, who may have a port of their own: administration, the console,
   * and of Quarkus' routes all but the plain health checks.
   */
  public static boolean isForOperators(@Nullable String path) {
    if (path == null) {
      return false;
    }
    String first = firstSegment(path);
    Front front = ofFirst(first);
    return front == ADMIN
        || front == CONSOLE
        || first.equalsIgnoreCase(MANAGEMENT) && !HEALTH.contains(path);
  }

  private static String firstSegment(String path) {
    return isSimple(path) ? first(path) : leniently(path);
  }

  /**
   * Whether a path reads in one way only: it begins with a slash, has no empty segment but the
   * last, no {@code .} or {@code ..} in any spelling, no {@code ;}, no backslash, no control
   * character, and every percent sign begins an escape.
   */
  public static boolean isPlain(@Nullable String path) {
    if (path == null || path.isEmpty() || path.charAt(0) != '/') {
      return false;
    }
    return isSimple(path) || isUnambiguous(path);
  }

  /**
   * Whether a path is one of callbacks and plain but for slashes at its beginning: a public URL
   * that ends in a slash makes such, and what was sent to Kling cannot be changed.
   */
  static boolean isCallbackOfDoubledSlash(@Nullable String path) {
    if (path == null || !path.startsWith("//")) {
      return false;
    }
    String plain = withoutDoubledSlash(path);
    return isPlain(plain) && of(plain) == CALLBACK;
  }

  private static String withoutDoubledSlash(String path) {
    int first = 0;
    while (first + 1 < path.length() && path.charAt(first + 1) == '/') {
      first++;
    }
    return path.substring(first);
  }

  /** The quick way for what nearly every path is. */
  private static boolean isSimple(String path) {
    if (path.isEmpty() || path.charAt(0) != '/') {
      return false;
    }
    char before = '/';
    for (int i = 1; i < path.length(); i++) {
      char c = path.charAt(i);
      boolean dull = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_';
      if (!dull && (before == '/' || !(c >= 'A' && c <= 'Z' || c == '/' || c == '.'))) {
        return false;
      }
      before = c;
    }
    return true;
  }

  private static String first(String path) {
    int end = path.indexOf('/', 1);
    return path.substring(1, end < 0 ? path.length() : end);
  }

  private static boolean isUnambiguous(String path) {
    String[] segments = path.substring(1).split("/", -1);
    for (int i = 0; i < segments.length; i++) {
      String segment = segments[i];
      boolean last = i == segments.length - 1;
      if (segment.isEmpty() ? !last : !isUnambiguousSegment(segment)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isUnambiguousSegment(String segment) {
    if (segment.indexOf(';') >= 0 || segment.indexOf('\\') >= 0) {
      return false;
    }
    String decoded = decoded(segment);
    return decoded != null
        && Arrays.stream(decoded.split("[/\\\\]", -1)).noneMatch(DOTS::contains)
        && decoded.chars().noneMatch(c -> c < ' ' || c == 0x7f);
  }

  /** The first segment, once escapes, parameters, empty segments and dots are taken away. */
  private static String leniently(String path) {
    String text = path;
    // Escapes of escapes: a proxy or router before or after us may take another layer off.
    for (int layer = 0; layer < 3 && text.indexOf('%') >= 0; layer++) {
      String once = decoded(text);
      if (once == null || once.equals(text)) {
        break;
      }
      text = once;
    }
    Deque<String> segments = new ArrayDeque<>();
    for (String raw : text.replace('\\', '/').split("/")) {
      int parameters = raw.indexOf(';');
      String segment = (parameters < 0 ? raw : raw.substring(0, parameters)).strip();
      if (segment.equals("..")) {
        segments.pollLast();
      } else if (!segment.isEmpty() && !segment.equals(".")) {
        segments.addLast(segment);
      }
    }
    return segments.isEmpty() ? "" : segments.getFirst();
  }

  /** A text without its escapes; null when one is broken or the bytes are no UTF-8. */
  private static @Nullable String decoded(String text) {
    if (text.indexOf('%') < 0) {
      return text;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    byte[] out = new byte[bytes.length];
    int length = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != '%') {
        out[length++] = bytes[i];
        continue;
      }
      int high = i + 2 < bytes.length ? Character.digit(bytes[i + 1], 16) : -1;
      int low = i + 2 < bytes.length ? Character.digit(bytes[i + 2], 16) : -1;
      if (high < 0 || low < 0) {
        return null;
      }
      out[length++] = (byte) (high << 4 | low);
      i += 2;
    }
    String decoded = new String(out, 0, length, StandardCharsets.UTF_8);
    return decoded.indexOf('\ufffd') >= 0 ? null : decoded;
  }

  private static Front ofFirst(String segment) {
    return switch (segment.toLowerCase(Locale.ROOT)) {
      case "kling" -> KLING;
      case "v1" -> NATIVE;
      case "admin" -> ADMIN;
      case "callbacks" -> CALLBACK;
      case "console" -> CONSOLE;
      default -> OPEN;
    };
  }
}
