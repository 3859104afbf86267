package io.klingtracker.egress;

import io.netty.util.NetUtil;
import java.net.IDN;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a URL leads, read the way browsers and resolvers read it, so that no spelling of an address
 * slips through as a name: the one reader of the URLs that callers send. Hosts may have underscores
 * and letters of any script; what a request line cannot carry in path and query is encoded.
 *
 * @param tls whether the scheme is https
 * @param host the name in ASCII and lower case, or the address as we write it
 * @param uri path and query, ready for the request line
 * @param address the address, when the URL names one instead of a host name
 */
public record Target(
    boolean tls, String host, int port, String uri, @Nullable InetAddress address) {

  /** Characters of a URL; the longest signed links of object stores have some thousand. */
  public static final int MAX_LENGTH = 8192;

  private static final int HTTP = 80;
  private static final int HTTPS = 443;
  private static final int LAST_PORT = 65535;
  private static final long IPV4_SPACE = 1L << 32;

  private static final Pattern URL =
      Pattern.compile(
          "(?<scheme>https?)://(?<authority>[^/?#]*)(?<uri>[^#]*)(?:#.*)?",
          Pattern.CASE_INSENSITIVE);
  private static final Pattern AUTHORITY =
      Pattern.compile("(?<host>\\[[^\\[\\]]*]|[^:\\[\\]]*)(?::(?<port>[0-9]{0,5}))?");
  private static final Pattern NAME =
      Pattern.compile(
          "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*");
  private static final Pattern NUMBER = Pattern.compile("[0-9]+|0x[0-9a-f]*");

  /**
   * Reads a URL.
   *
   * @throws RefusedTargetException when it is none; the message says why, as {@code must …}
   */
  public static Target parse(String url) throws RefusedTargetException {
    if (url.length() > MAX_LENGTH) {
      throw new RefusedTargetException("must not be longer than " + MAX_LENGTH + " characters");
    }
    if (url.chars().anyMatch(c -> c <= ' ' || c == '\\' || c == 0x7f)) {
      throw new RefusedTargetException(
          "must not contain spaces, control characters or backslashes");
    }
    Matcher parts = URL.matcher(url);
    if (!parts.matches()) {
      throw new RefusedTargetException("must start with http:// or https://");
    }
    String authority = parts.group("authority");
    if (authority.contains("@")) {
      throw new RefusedTargetException("must not contain a user name or password");
    }
    Matcher hostAndPort = AUTHORITY.matcher(authority);
    if (!hostAndPort.matches()) {
      throw new RefusedTargetException("must name a host and, if need be, a port");
    }
    boolean tls = parts.group("scheme").length() == "https".length();
    int port = port(hostAndPort.group("port"), tls);
    String host = hostAndPort.group("host");
    InetAddress address;
    if (host.startsWith("[")) {
      address = ipv6(host.substring(1, host.length() - 1));
      host = NetUtil.toAddressString(address);
    } else {
      host = ascii(host);
      address = ipv4(host);
      host = address == null ? name(host) : NetUtil.toAddressString(address);
    }
    return new Target(tls, host, port, uri(parts.group("uri")), address);
  }

  private static int port(@Nullable String text, boolean tls) throws RefusedTargetException {
    if (text == null || text.isEmpty()) {
      return tls ? HTTPS : HTTP;
    }
    int port = Integer.parseInt(text);
    if (port < 1 || port > LAST_PORT) {
      throw new RefusedTargetException("must use a port from 1 to " + LAST_PORT);
    }
    return port;
  }

  private static InetAddress ipv6(String literal) throws RefusedTargetException {
    if (literal.contains("%")) {
      throw new RefusedTargetException("must not name a network zone in its address");
    }
    byte[] bytes = NetUtil.createByteArrayFromIpAddressString(literal);
    if (bytes == null || !literal.contains(":")) {
      throw new RefusedTargetException("must name a valid IPv6 address between its brackets");
    }
    return address(bytes);
  }

  /** Full-width digits and other look-alikes become what a resolver would take them for. */
  private static String ascii(String host) throws RefusedTargetException {
    if (host.contains("%")) {
      throw new RefusedTargetException("must not percent-encode its host");
    }
    try {
      String ascii = IDN.toASCII(host, IDN.ALLOW_UNASSIGNED).toLowerCase(Locale.ROOT);
      return ascii.endsWith(".") ? ascii.substring(0, ascii.length() - 1) : ascii;
    } catch (IllegalArgumentException e) {
      throw new RefusedTargetException("must name a valid host");
    }
  }

  private static String name(String host) throws RefusedTargetException {
    if (host.isEmpty()) {
      throw new RefusedTargetException("must name a host");
    }
    if (host.length() > 253 || !NAME.matcher(host).matches()) {
      throw new RefusedTargetException("must name a valid host");
    }
    return host;
  }

  /**
   * The address, if the host is one in any spelling that a resolver accepts: one to four numbers,
   * each decimal, octal or hexadecimal, the last filling the rest.
   */
  private static @Nullable InetAddress ipv4(String host) throws RefusedTargetException {
    String[] labels = host.split("\\.", -1);
    if (!NUMBER.matcher(labels[labels.length - 1]).matches()) {
      return null;
    }
    if (labels.length > 4) {
      throw invalidIpv4();
    }
    long value = 0;
    for (int i = 0; i < labels.length; i++) {
      boolean last = i == labels.length - 1;
      long limit = last ? IPV4_SPACE >> (8 * i) : 256;
      long part = number(labels[i]).orElseThrow(Target::invalidIpv4);
      if (part >= limit) {
        throw invalidIpv4();
      }
      value |= last ? part : part << (8 * (3 - i));
    }
    return address(
        new byte[] {(byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value});
  }

  private static RefusedTargetException invalidIpv4() {
    return new RefusedTargetException("must name a valid IPv4 address or a host name");
  }

  private static OptionalLong number(String label) {
    if (!NUMBER.matcher(label).matches() || label.length() > 16) {
      return OptionalLong.empty();
    }
    try {
      if (label.startsWith("0x")) {
        return OptionalLong.of(label.length() == 2 ? 0 : Long.parseLong(label.substring(2), 16));
      }
      boolean octal = label.length() > 1 && label.startsWith("0");
      return OptionalLong.of(Long.parseLong(label, octal ? 8 : 10));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private static InetAddress address(byte[] bytes) throws RefusedTargetException {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new RefusedTargetException("must name a valid address");
    }
  }

  /** Characters that a request line cannot carry are sent as percent-encoded octets. */
  private static String uri(String raw) {
    StringBuilder uri = new StringBuilder(raw.length() + 1);
    if (!raw.startsWith("/")) {
      uri.append('/');
    }
    for (byte octet : raw.getBytes(StandardCharsets.UTF_8)) {
      if (octet > ' ' && "\"<>^`{|}".indexOf(octet) < 0) {
        uri.append((char) octet);
      } else {
        uri.append(String.format(Locale.ROOT, "%%%02X", octet & 0xff));
      }
    }
    return uri.toString();
  }
}
