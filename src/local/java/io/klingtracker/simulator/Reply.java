package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.impl.ConnectionBase;

/** An answer about to be written: status and body. */
record Reply(int status, String body) {

  static Reply ok(ObjectNode answer) {
    return new Reply(200, Json.write(answer));
  }

  void write(HttpServerRequest request) {
    if (request.response().closed()) {
      return;
    }
    request
        .response()
        .setStatusCode(status)
        .putHeader("Content-Type", "application/json")
        .end(body);
  }

  /** Cuts the connection as a failing network does: with a reset, not an orderly end. */
  static void reset(HttpServerRequest request) {
    if (request.connection() instanceof ConnectionBase connection) {
      connection.channel().config().setOption(io.netty.channel.ChannelOption.SO_LINGER, 0);
    }
    request.connection().close();
  }
}
