package io.klingtracker.http;

import io.quarkus.vertx.http.HttpServerOptionsCustomizer;
import io.vertx.core.http.HttpServerOptions;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * HTTP/2 without TLS is spoken only where HTTP/2 is wanted at all: Quarkus asks its setting for TLS
 * alone, and takes the upgrade and the preface of anybody.
 */
@ApplicationScoped
class Protocols implements HttpServerOptionsCustomizer {

  private final boolean http2;

  @Inject
  Protocols(@ConfigProperty(name = "quarkus.http.http2") boolean http2) {
    this.http2 = http2;
  }

  @Override
  public void customizeHttpServer(HttpServerOptions options) {
    options.setHttp2ClearTextEnabled(http2);
  }

  @Override
  public void customizeHttpsServer(HttpServerOptions options) {
    options.setHttp2ClearTextEnabled(http2);
  }
}
