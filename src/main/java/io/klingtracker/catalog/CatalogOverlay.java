package io.klingtracker.catalog;

import io.klingtracker.loops.Loops;
import io.klingtracker.loops.WorkLoop;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Lays {@code tracker.catalog.file} over the built-in catalogue, at the start and whenever what it
 * holds has changed; a mounted ConfigMap is another file under the same name then. A file that
 * cannot be used is refused whole: at the start it ends the start, later what was in use stays.
 */
@Singleton
public class CatalogOverlay {

  private static final Logger LOG = Logger.getLogger(CatalogOverlay.class);

  /** The {@link #state} without a file, or with one that changes nothing. */
  public static final String NOTHING = "none";

  /** How often its content is looked at. */
  private static final Duration POLL = Duration.ofSeconds(2);

  /** Changes that are logged one by one. */
  private static final int MAX_LOGGED = 20;

  private final Event<CatalogChanged> changed;
  private volatile String used = "";
  private @Nullable String seen;
  private volatile @Nullable String fault;

  @Inject
  CatalogOverlay(CatalogConfig config, Loops loops, Event<CatalogChanged> changed) {
    this.changed = changed;
    Optional<Path> file = config.file();
    if (file.isEmpty()) {
      Catalog.use(Catalog.builtIn());
      return;
    }
    Path path = file.get();
    String text = text(path);
    Catalog.use(read(path, text));
    used = text;
    log(Catalog.current());
    loops.add(WorkLoop.named("catalog").every(POLL).work(() -> look(path)));
  }

  /**
   * Reads a file as a start would, and changes nothing.
   *
   * @throws CatalogFault naming file, line and place
   */
  public static void check(Path file) {
    read(file, text(file));
  }

  /** By what the overlay in use is known again, whatever its version is: eight hex digits. */
  public String state() {
    return Catalog.current().changes().isEmpty() ? NOTHING : CatalogReader.digest(used);
  }

  /** Why the file is refused that is there now; empty while it is in use. */
  Optional<String> fault() {
    return Optional.ofNullable(fault);
  }

  /**
   * Takes what the file holds now, if that is something else than before, and two looks have found
   * it alike: a file that is written in place is empty, or cut, for a moment.
   */
  boolean look(Path file) {
    Catalog before = Catalog.current();
    try {
      String text = text(file);
      boolean steady = text.equals(seen);
      seen = text;
      if (!steady) {
        return false;
      }
      if (!text.equals(used)) {
        Catalog.use(read(file, text));
        used = text;
        Catalog after = Catalog.current();
        List<String> gone = gone(before, after);
        log(after);
        gone.stream().limit(MAX_LOGGED).forEach(at -> LOG.infof("catalogue %s: as built in", at));
        changed.fire(
            new CatalogChanged(before.version(), after.version(), state(), after.changes(), gone));
      }
      fault = null;
    } catch (CatalogFault e) {
      // Once for each thing that is wrong.
      if (!String.valueOf(e.getMessage()).equals(fault)) {
        LOG.errorf("the catalogue stays %s: %s", before.version(), e.getMessage());
      }
      fault = e.getMessage();
    }
    return false;
  }

  private static List<String> gone(Catalog before, Catalog after) {
    Set<String> places =
        after.changes().stream().map(Catalog.Change::place).collect(Collectors.toSet());
    return before.changes().stream()
        .map(Catalog.Change::place)
        .filter(place -> !places.contains(place))
        .toList();
  }

  private static Catalog read(Path file, String text) {
    try {
      return CatalogReader.read(
          Catalog.builtInText(), new CatalogReader.Overlay(file.toString(), text));
    } catch (CatalogFault e) {
      throw e;
    } catch (RuntimeException e) {
      // Whatever else the reader stumbles over is refused as a whole, too.
      throw new CatalogFault(file + ": cannot be taken: " + e);
    }
  }

  private static String text(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(CatalogNode.MAX_TEXT + 1);
      if (bytes.length > CatalogNode.MAX_TEXT) {
        throw new CatalogFault(
            file + ": is larger than " + CatalogNode.MAX_TEXT + " bytes; take rows out");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new CatalogFault(file + ": is not valid UTF-8");
    } catch (NoSuchFileException e) {
      throw new CatalogFault(file + ": there is no such file");
    } catch (IOException e) {
      throw new CatalogFault(file + ": cannot be read: " + e.getMessage());
    }
  }

  private static void log(Catalog catalog) {
    LOG.infof("catalogue %s, %s changes", catalog.version(), catalog.changes().size());
    catalog.changes().stream()
        .limit(MAX_LOGGED)
        .forEach(
            change ->
                LOG.infof(
                    "catalogue %s: %s instead of %s",
                    change.place(),
                    change.overlay(),
                    change.builtIn() == null ? "nothing" : change.builtIn()));
  }
}
