package io.klingtracker.klingapi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.catalog.Catalog;
import io.klingtracker.catalog.CatalogOver;
import io.klingtracker.catalog.CatalogOverlay;
import io.klingtracker.tenant.AuditLog;
import io.klingtracker.testing.TestDatabase;
import io.quarkus.runtime.StartupEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Every catalogue that was in use is in the audit log, whenever its file was edited. */
class CatalogAuditTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final String ONE = "version: one\nmodels: {house-1: {kinds: {text2video: {}}}}\n";
  private static final String TWO = "version: one\nmodels: {house-2: {kinds: {text2video: {}}}}\n";

  @TempDir Path folder;

  private final AuditLog audit = new AuditLog(DATABASE.jdbi(), Clock.systemUTC());

  @AfterEach
  void as_it_was() {
    new CatalogOver("").close();
  }

  @Test
  void what_a_start_finds_is_noted_if_it_is_not_what_was_used_last() throws IOException {
    String builtIn = Catalog.builtIn().version();
    start("");
    assertEquals(List.of(), notes());

    start(ONE);
    start(ONE);
    // Under the same version, while nothing ran.
    CatalogOverlay overlay = start(TWO);
    write(ONE);
    CatalogOver.look(overlay, file());
    start(ONE);
    start("");

    List<String> notes = notes();
    assertEquals(
        List.of(
            builtIn + "+one from a start on: version, models.house-1",
            builtIn + "+one from a start on: version, models.house-2",
            "%s+one to %s+one: no more models.house-2; version, models.house-1"
                .formatted(builtIn, builtIn)),
        notes.subList(0, 3).stream().map(note -> note.substring(10)).toList());
    assertTrue(notes.get(3).matches("none: .* from a start on: as built in"), notes::toString);
    assertEquals(4, notes.size());
    assertEquals(notes.get(0).substring(0, 10), notes.get(2).substring(0, 10));
  }

  private CatalogOverlay start(String yaml) throws IOException {
    write(yaml);
    CatalogResource[] made = new CatalogResource[1];
    CatalogOverlay overlay = CatalogOver.started(file(), changed -> made[0].onChange(changed));
    made[0] = new CatalogResource(audit, overlay);
    made[0].onStarted(new StartupEvent());
    return overlay;
  }

  private Path file() {
    return folder.resolve("catalog.yaml");
  }

  private void write(String yaml) throws IOException {
    Files.writeString(file(), yaml);
  }

  /** The oldest first. */
  private List<String> notes() {
    return audit.page(Long.MAX_VALUE, 100).stream()
        .sorted((a, b) -> Long.compare(a.id(), b.id()))
        .map(entry -> String.valueOf(entry.detail()))
        .toList();
  }
}
