package io.klingtracker.bench;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Requests as the bytes that go over the wire. */
final class Http {

  private Http() {}

  static byte[] get(String path, Map<String, String> headers) {
    return request("GET", path, headers, new byte[0]);
  }

  static byte[] post(String path, Map<String, String> headers, byte[] body) {
    return request("POST", path, headers, body);
  }

  private static byte[] request(
      String method, String path, Map<String, String> headers, byte[] body) {
    StringBuilder head =
        new StringBuilder(512).append(method).append(' ').append(path).append(" HTTP/1.1\r\n");
    head.append("Host: localhost\r\n");
    headers.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    if (!method.equals("GET")) {
      head.append("Content-Type: application/json\r\nContent-Length: ")
          .append(body.length)
          .append("\r\n");
    }
    byte[] start = head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] whole = new byte[start.length + body.length];
    System.arraycopy(start, 0, whole, 0, start.length);
    System.arraycopy(body, 0, whole, start.length, body.length);
    return whole;
  }
}
