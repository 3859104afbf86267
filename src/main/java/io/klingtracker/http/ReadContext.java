package io.klingtracker.http;

import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.impl.HttpServerRequestInternal;
import io.vertx.core.http.impl.HttpServerRequestWrapper;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.impl.RoutingContextDecorator;
import io.vertx.ext.web.impl.RoutingContextInternal;

/**
 * A request of HTTP/2 whose body is there. Its stream has ended, after which the stream takes no
 * more orders, not even to pause; the layers above us give some before they look for a body.
 */
final class ReadContext extends RoutingContextDecorator {

  private static final String READ = ReadContext.class.getName();

  private final HttpServerRequest request;

  ReadContext(RoutingContext call) {
    super(call.currentRoute(), (RoutingContextInternal) call);
    this.request = new EndedRequest((HttpServerRequestInternal) call.request());
    call.put(READ, true);
  }

  /** Whether our filters have seen the request before. */
  static boolean isSecondPass(RoutingContext call) {
    return call.get(READ) != null;
  }

  @Override
  public HttpServerRequest request() {
    return request;
  }

  private static final class EndedRequest extends HttpServerRequestWrapper {

    EndedRequest(HttpServerRequestInternal delegate) {
      super(delegate);
    }

    @Override
    public HttpServerRequest pause() {
      return this;
    }

    @Override
    public HttpServerRequest resume() {
      return this;
    }

    @Override
    public HttpServerRequest fetch(long amount) {
      return this;
    }

    @Override
    public HttpServerRequest handler(Handler<Buffer> handler) {
      return this;
    }

    @Override
    public HttpServerRequest endHandler(Handler<Void> handler) {
      return this;
    }

    @Override
    public boolean isEnded() {
      return true;
    }
  }
}
