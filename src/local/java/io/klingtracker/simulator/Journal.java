package io.klingtracker.simulator;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Tasks on disk, a line for each change, so that a killed simulator continues where it was. Read
 * and rewritten without history at each start; a last line that was torn by the kill is left out.
 */
final class Journal implements AutoCloseable {

  private final Path file;
  private final FileChannel channel;

  private Journal(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Opens the journal after {@link #read}, keeping only these tasks. */
  static Journal open(Path directory, Collection<SimulatedTask> tasks) {
    Path file = directory.resolve("tasks.jsonl");
    Path next = directory.resolve("tasks.jsonl.next");
    try {
      StringBuilder lines = new StringBuilder();
      for (SimulatedTask task : tasks) {
        lines.append(created(task.order)).append(moved(task));
        if (task.calledBack) {
          lines.append(calledBack(task.order.id()));
        }
      }
      Files.writeString(next, lines);
      Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return new Journal(file, FileChannel.open(file, StandardOpenOption.APPEND));
    } catch (IOException e) {
      throw new UncheckedIOException("simulator's journal: " + e.getMessage(), e);
    }
  }

  /** The tasks of earlier runs, in the order they were made. */
  static Map<String, SimulatedTask> read(
      Path directory, Predicate<SimulatedTask.Order> worthKeeping) {
    Path file = directory.resolve("tasks.jsonl");
    Map<String, SimulatedTask> tasks = new LinkedHashMap<>();
    try {
      Files.createDirectories(directory);
      if (Files.exists(file)) {
        for (String line : Files.readAllLines(file)) {
          Json.readObject(line).ifPresent(entry -> replay(tasks, entry));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("simulator's journal: " + e.getMessage(), e);
    }
    tasks.values().removeIf(task -> !worthKeeping.test(task.order));
    return tasks;
  }

  private static void replay(Map<String, SimulatedTask> tasks, ObjectNode entry) {
    if (entry.has("created")) {
      SimulatedTask.Order order =
          Json.MAPPER.convertValue(entry.get("created"), SimulatedTask.Order.class);
      tasks.put(order.id(), new SimulatedTask(order));
      return;
    }
    SimulatedTask task = tasks.get(entry.path("id").asText());
    if (task == null) {
      return;
    }
    if (entry.has("moved")) {
      task.status = entry.get("moved").asText();
      task.message = entry.path("message").asText();
      task.updatedAt = entry.path("at").asLong();
      task.calledBack = false;
    } else {
      task.calledBack = true;
    }
  }

  private static String created(SimulatedTask.Order order) {
    return Json.write(Map.of("created", order)) + "\n";
  }

  private static String moved(SimulatedTask task) {
    return Json.write(
            Json.object()
                .put("moved", task.status)
                .put("id", task.order.id())
                .put("message", task.message)
                .put("at", task.updatedAt))
        + "\n";
  }

  private static String calledBack(String id) {
    return Json.write(Json.object().put("told", true).put("id", id)) + "\n";
  }

  void writeCreated(SimulatedTask task) {
    append(created(task.order));
  }

  void writeMoved(SimulatedTask task) {
    append(moved(task));
  }

  void writeTold(SimulatedTask task) {
    append(calledBack(task.order.id()));
  }

  /** Survives a kill of the process, not of the machine: that is all a local run promises. */
  private synchronized void append(String line) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  @Override
  public synchronized void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
