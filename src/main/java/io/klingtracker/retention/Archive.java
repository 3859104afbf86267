package io.klingtracker.retention;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.loops.SetAside;
import io.klingtracker.retention.ArchiveStore.Archived;
import io.klingtracker.retention.ArchiveStore.Begun;
import io.klingtracker.retention.ArchiveStore.Day;
import io.klingtracker.retention.ArchiveStore.Part;
import io.klingtracker.storage.Storage;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.task.TaskView;
import io.klingtracker.time.Rfc3339;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.jboss.logging.Logger;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Writes tasks to files before they are removed: lines of JSON, compressed, in parts by tenant and
 * day, each durable before the transaction ends that removes its tasks. A part that such a
 * transaction did not come to is deleted, so that no task is twice in what the manifests list,
 * unless its part's deletion is still due.
 */
@Singleton
class Archive {

  private static final Logger LOG = Logger.getLogger(Archive.class);

  /** Manifests written in one go, and parts deleted. */
  static final int MANIFESTS = 100;

  /** Parts written in one transaction, which holds the feed back meanwhile. */
  static final int PARTS = 8;

  private final @Nullable Storage storage;
  private final ArchiveStore store;
  private final ObjectMapper json;
  private final Clock clock;
  private final Counter written;

  /**
   * A line.
   *
   * @param task as {@code GET /v1/tasks/{id}} had it
   * @param request the caller's body to the letter
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Line(
      @JsonUnwrapped TaskView task,
      String tenant,
      @Nullable String request,
      @Nullable Integer requestBytes,
      @JsonRawValue String events) {}

  /** What a day's manifest says. */
  record Manifest(String tenant, String day, long tasks, List<Listed> parts) {}

  /** A part as the manifest lists it; {@code sha256} in hex, of the compressed bytes. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Listed(String part, int tasks, long bytes, String sha256, String writtenAt) {}

  @Inject
  Archive(
      ArchiveConfig config,
      StorageConfig buckets,
      ArchiveStore store,
      ObjectMapper json,
      Clock clock,
      MeterRegistry meters) {
    this.storage = config.url().map(url -> Storage.of(url, buckets)).orElse(null);
    this.store = store;
    this.json = json;
    this.clock = clock;
    this.written =
        Counter.builder("tracker.archive.tasks")
            .description("Tasks that were written to the archive before they were removed")
            .register(meters);
  }

  /**
   * What is written.
   *
   * @param ids of tasks; all that were given where there is no archive
   * @param whole false when the others are to be written in transactions of their own
   */
  record Wrote(List<String> ids, boolean whole) {}

  /**
   * Writes those of the tasks that owe nothing, whose rows the transaction holds, but no more than
   * {@link #PARTS}.
   *
   * @throws UncheckedIOException when they cannot be written; then none may be removed
   */
  Wrote write(Handle handle, List<String> ids) {
    Storage place = storage;
    if (place == null) {
      return new Wrote(ids, true);
    }
    try (Writing writing = new Writing(place, handle)) {
      store.archived(handle, ids, writing::add);
      writing.end();
      return new Wrote(writing.done, writing.whole);
    } catch (IOException e) {
      throw new UncheckedIOException("the archive cannot be written: " + SetAside.reason(e), e);
    }
  }

  /** The part under way, and those before it. */
  private final class Writing implements AutoCloseable {

    private final Storage place;
    private final Handle handle;
    private final List<String> done = new ArrayList<>();
    private @Nullable Day day;
    private @Nullable ArchivePart part;
    private int parts;
    private boolean whole = true;

    Writing(Storage place, Handle handle) {
      this.place = place;
      this.handle = handle;
    }

    void add(Archived archived) {
      try {
        if (!archived.of().equals(day)) {
          end();
          if (parts == PARTS) {
            whole = false;
          }
        }
        if (!whole) {
          return;
        }
        if (!archived.of().equals(day)) {
          parts++;
          day = archived.of();
          part = new ArchivePart();
        }
        if (part != null) {
          part.add(line(archived));
        }
        done.add(archived.task().id());
      } catch (IOException e) {
        throw new UncheckedIOException("the archive cannot be written: " + SetAside.reason(e), e);
      }
    }

    void end() throws IOException {
      ArchivePart ending = part;
      Day of = day;
      if (ending == null || of == null) {
        return;
      }
      ending.finish();
      Begun begun = store.begin(of);
      try (InputStream content = ending.content()) {
        place.put(name(begun), content);
      }
      store.written(
          handle, begun, ending.count(), ending.bytes(), ending.sha256(), clock.instant());
      written.increment(ending.count());
      close();
    }

    @Override
    public void close() throws IOException {
      ArchivePart closing = part;
      part = null;
      day = null;
      if (closing != null) {
        closing.close();
      }
    }
  }

  private byte[] line(Archived archived) throws IOException {
    return json.writeValueAsBytes(
        new Line(
            TaskView.of(archived.task()),
            archived.task().tenant(),
            archived.request(),
            archived.requestBytes(),
            archived.events()));
  }

  private static String name(Begun part) {
    return "%s/%s/part-%s.ndjson.gz".formatted(part.of().tenant(), part.of().day(), part.number());
  }

  /** Deletes parts of tasks that were not removed; to be called by whoever is alone. */
  void deleteBegun() {
    Storage place = storage;
    if (place == null) {
      return;
    }
    for (Begun begun : store.begun()) {
      try {
        place.delete(name(begun));
        store.forget(begun);
      } catch (IOException e) {
        throw new UncheckedIOException("a part of the archive cannot be deleted", e);
      }
    }
  }

  /**
   * Deletes parts of tenants that were deleted, and their manifests.
   *
   * @return whether there may be more
   */
  boolean deleteErased() {
    Storage place = storage;
    if (place == null) {
      return false;
    }
    List<Begun> parts = store.erased(MANIFESTS);
    for (Begun part : parts) {
      try {
        // Nobody lists what is left of the day.
        place.delete(manifest(part.of()));
        place.delete(name(part));
      } catch (IOException e) {
        LOG.warnf("a part of the archive cannot be deleted: %s", SetAside.reason(e));
        return false;
      }
      store.deleted(part);
    }
    return parts.size() == MANIFESTS;
  }

  private static String manifest(Day day) {
    return day.tenant() + "/" + day.day() + "/manifest.json";
  }

  /**
   * Writes the manifests of days that have got parts.
   *
   * @return whether there may be more
   */
  boolean list() {
    Storage place = storage;
    if (place == null) {
      return false;
    }
    List<Day> days = store.unlisted(MANIFESTS);
    for (Day day : days) {
      List<Part> parts = store.parts(day);
      try {
        place.put(
            manifest(day), new ByteArrayInputStream(json.writeValueAsBytes(manifest(day, parts))));
      } catch (IOException e) {
        LOG.warnf("a manifest of the archive cannot be written: %s", SetAside.reason(e));
        return false;
      }
      store.listed(day, parts);
    }
    return days.size() == MANIFESTS;
  }

  private static Manifest manifest(Day day, List<Part> parts) {
    return new Manifest(
        day.tenant(),
        day.day(),
        parts.stream().mapToLong(Part::tasks).sum(),
        parts.stream()
            .map(
                part ->
                    new Listed(
                        "part-" + part.number() + ".ndjson.gz",
                        part.tasks(),
                        part.bytes(),
                        part.sha256(),
                        Rfc3339.format(part.writtenAt())))
            .toList());
  }
}
