package io.klingtracker.bench;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** Plain JDBC clients: each runs a script again and again on a connection of its own. */
final class JdbcClients {

  private JdbcClients() {}

  static Load run(
      Database database,
      SqlScript script,
      int clients,
      Map<String, Long> variables,
      Duration duration) {
    ExecutorService threads = Executors.newFixedThreadPool(clients);
    try {
      List<Callable<Histogram>> all = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        all.add(() -> client(database, script, variables, duration));
      }
      long start = System.nanoTime();
      Histogram latency = Load.histogram();
      for (Future<Histogram> done :
          threads.invokeAll(all, duration.toSeconds() + 60, TimeUnit.SECONDS)) {
        latency.add(done.get());
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      return new Load(latency.getTotalCount(), 0, 0, seconds, latency);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(script.name() + ": " + e.getMessage(), e);
    } finally {
      threads.shutdownNow();
    }
  }

  private static Histogram client(
      Database database, SqlScript script, Map<String, Long> variables, Duration duration)
      throws SQLException {
    Histogram latency = Load.histogram();
    try (Connection connection = database.connect()) {
      List<PreparedStatement> statements = new ArrayList<>();
      for (SqlScript.Step step : script.steps()) {
        statements.add(connection.prepareStatement(step.sql()));
      }
      long end = System.nanoTime() + duration.toNanos();
      for (long now = System.nanoTime(); now < end; ) {
        Map<String, Long> values = values(script, variables);
        for (int i = 0; i < statements.size(); i++) {
          PreparedStatement statement = statements.get(i);
          List<String> parameters = script.steps().get(i).parameters();
          for (int p = 0; p < parameters.size(); p++) {
            statement.setString(p + 1, String.valueOf(values.get(parameters.get(p))));
          }
          statement.execute();
        }
        long after = System.nanoTime();
        latency.recordValue((after - now) / 1000);
        now = after;
      }
    }
    return latency;
  }

  private static Map<String, Long> values(SqlScript script, Map<String, Long> variables) {
    Map<String, Long> values = new HashMap<>(variables);
    script
        .randoms()
        .forEach(
            (name, bounds) ->
                values.put(
                    name,
                    ThreadLocalRandom.current()
                        .nextLong(value(bounds[0], variables), value(bounds[1], variables) + 1)));
    return values;
  }

  private static long value(String bound, Map<String, Long> variables) {
    return bound.startsWith(":")
        ? variables.getOrDefault(bound.substring(1), 0L)
        : Long.parseLong(bound);
  }
}
