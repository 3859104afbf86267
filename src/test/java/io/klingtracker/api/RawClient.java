package io.klingtracker.api;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** HTTP/1.1 by hand: sends whatever it is given, which no proper client would. */
final class RawClient {

  private static final int TIMEOUT_MILLIS = 20_000;

  private final URI base;

  /** An answer; status 0 stands for a connection that was closed without one. */
  record Answer(int status, String contentType, String body) {}

  RawClient(URI base) {
    this.base = base;
  }

  /**
   * One request on a connection of its own.
   *
   * @param target as it is in the request line
   * @param headers whole lines without their ends
   */
  Answer send(String method, String target, List<String> headers, byte[] body) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress("127.0.0.1", base.getPort()), TIMEOUT_MILLIS);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      StringBuilder head = new StringBuilder();
      head.append(method).append(' ').append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
      head.append("Connection: close\r\n");
      headers.forEach(line -> head.append(line).append("\r\n"));
      if (body.length > 0) {
        head.append("Content-Length: ").append(body.length).append("\r\n");
      }
      head.append("\r\n");
      OutputStream out = socket.getOutputStream();
      try {
        out.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
        out.write(body);
        out.flush();
      } catch (IOException e) {
        // Refused while it was sent; the answer says why.
      }
      return read(socket.getInputStream());
    }
  }

  private static Answer read(InputStream in) {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    try {
      int last = 0;
      for (int b = in.read(); b >= 0; b = in.read()) {
        head.write(b);
        last = last << 8 | b;
        if (last == 0x0D0A0D0A) {
          break;
        }
      }
      String text = head.toString(StandardCharsets.ISO_8859_1);
      // A stream has no end.
      if (!text.toLowerCase(Locale.ROOT).contains("text/event-stream")) {
        in.transferTo(body);
      }
    } catch (IOException e) {
      // Reset after a refusal; what came is the answer.
    }
    return answer(head.toString(StandardCharsets.ISO_8859_1), body.toByteArray());
  }

  private static Answer answer(String head, byte[] body) {
    if (!head.startsWith("HTTP/1.1 ")) {
      return new Answer(0, "", "");
    }
    String type =
        head.lines()
            .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-type:"))
            .map(line -> line.substring("content-type:".length()).strip())
            .findFirst()
            .orElse("");
    String text = new String(body, StandardCharsets.UTF_8);
    if (head.toLowerCase(Locale.ROOT).contains("transfer-encoding: chunked")) {
      // Errors are small and come in one chunk.
      int from = text.indexOf("\r\n");
      int to = text.lastIndexOf("\r\n0\r\n");
      text = from >= 0 && to > from ? text.substring(from + 2, to) : text;
    }
    return new Answer(Integer.parseInt(head.substring(9, 12)), type, text);
  }
}
