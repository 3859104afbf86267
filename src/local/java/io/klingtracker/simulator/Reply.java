package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.impl.ConnectionBase;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/**
 * An answer about to be written.
 *
 * @param type its content type; empty for none
 * @param location where a redirect leads; empty for none
 */
record Reply(int status, String body, String type, String location) {

  private static final String JSON = "application/json";

  Reply(int status, String body) {
    this(status, body, body.isEmpty() ? "" : JSON, "");
  }

  /** A gateway's own. */
  static Reply page(int status, String location) {
    return new Reply(
        status,
        "<html>\r\n<head><title>%1$d</title></head>\r\n<body><center><h1>%1$d</h1></center></body>\r\n</html>"
            .formatted(status),
        "text/html",
        location);
  }

  /** With another body, in the fault's own way. */
  Reply mangled(@Nullable Fault fault) {
    return new Reply(
        status,
        Mangled.by(fault, body),
        fault instanceof Fault.ByteOrderMark ? "text/plain" : type,
        location);
  }

  static Reply ok(ObjectNode answer) {
    return new Reply(200, Json.write(answer));
  }

  void write(HttpServerRequest request) {
    if (request.response().closed()) {
      return;
    }
    HttpServerResponse response = request.response().setStatusCode(status);
    if (!type.isEmpty()) {
      response.putHeader("Content-Type", type);
    }
    response.putHeader(
        "Date", DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC)));
    if (!location.isEmpty()) {
      response.putHeader("Location", location);
    }
    // These two have no body; what were there would be taken for the next answer.
    response.end(status == 204 || status == 304 ? "" : body);
  }

  /** Cuts the connection as a failing network does: with a reset, not an orderly end. */
  static void reset(HttpServerRequest request) {
    if (request.connection() instanceof ConnectionBase connection) {
      connection.channel().config().setOption(io.netty.channel.ChannelOption.SO_LINGER, 0);
    }
    request.connection().close();
  }
}
