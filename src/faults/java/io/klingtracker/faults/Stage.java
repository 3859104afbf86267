package io.klingtracker.faults;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** The servers of a run, started once, and the installation that rows share until one harms it. */
final class Stage implements ParameterResolver {

  private final Run run = Run.ofProperties();
  private @Nullable Servers servers;
  private @Nullable Installation installation;

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Stage.class;
  }

  @Override
  public Stage resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(ExtensionContext.Namespace.GLOBAL)
        .computeIfAbsent(Stage.class.getName(), name -> new Opened(new Stage()), Opened.class)
        .stage;
  }

  /** Closed by JUnit when everything has run. */
  private record Opened(Stage stage) implements AutoCloseable {
    @Override
    public void close() {
      stage.close();
    }
  }

  Run run() {
    return run;
  }

  Servers servers() throws Exception {
    Servers running = servers;
    if (running == null) {
      long start = System.nanoTime();
      running = new Servers(run);
      servers = running;
      took("PostgreSQL, Kafka, two Klings and a sink", start);
    }
    return running;
  }

  /** The present installation of one replica, or a fresh one. */
  Installation installation() throws Exception {
    Installation running = installation;
    if (running == null || !running.isAlive()) {
      discard();
      Servers own = servers();
      long start = System.nanoTime();
      running = new Installation(own, run, 1);
      installation = running;
      took("the service on a fresh database", start);
    }
    return running;
  }

  /** A fresh one, on a database of the row's own, in place of the present. */
  Installation installation(int size, Installation.Place place) throws Exception {
    discard();
    Installation fresh = new Installation(servers(), run, size, place);
    installation = fresh;
    return fresh;
  }

  static void took(String what, long start) {
    System.out.printf(
        Locale.ROOT, "-- started %s in %.1f s%n", what, (System.nanoTime() - start) / 1e9);
  }

  /** The next row gets a fresh one. */
  void discard() {
    if (installation != null) {
      installation.close();
      installation = null;
    }
  }

  private void close() {
    discard();
    if (servers != null) {
      servers.close();
    }
  }
}
