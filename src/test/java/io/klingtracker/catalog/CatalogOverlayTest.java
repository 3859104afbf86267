package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.loops.Loops;
import io.klingtracker.testing.NotifyingEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A file that is laid over the built-in catalogue, while it changes. */
class CatalogOverlayTest {

  private static final String MODEL = "models: {house-1: {kinds: {text2video: {}}}}\n";

  @TempDir Path folder;

  private final List<CatalogChanged> changes = new ArrayList<>();
  private Path file;

  @BeforeEach
  void file() {
    file = folder.resolve("catalog.yaml");
  }

  @AfterEach
  void as_it_was() {
    Catalog.use(Catalog.builtIn());
  }

  @Test
  void without_a_file_the_built_in_one_is_in_use() {
    Catalog.use(CatalogOver.read(MODEL));

    new CatalogOverlay(Optional::empty, new Loops(), new NotifyingEvent<>(changes::add));

    assertEquals(Catalog.builtIn(), Catalog.current());
  }

  @Test
  void what_is_written_is_in_use_once_it_is_looked_at() throws IOException {
    CatalogOverlay overlay = overlay("");
    assertFalse(Catalog.current().knowsModel("house-1"));

    write(MODEL);
    look(overlay);
    look(overlay);

    assertTrue(Catalog.current().knowsModel("house-1"));
    assertEquals(1, changes.size());
    assertEquals(Catalog.current().version(), changes.get(0).after());
    assertEquals(
        List.of(new Catalog.Change("models.house-1", null, "{kinds: {text2video: {}}}")),
        changes.get(0).changes());
    assertTrue(Catalog.current().isOverlaid("house-1"));
    assertFalse(Catalog.current().isOverlaid("kling-v3"));
  }

  @Test
  void what_is_taken_out_of_the_file_is_told() throws IOException {
    CatalogOverlay overlay = overlay(MODEL);
    String before = overlay.state();

    write("models: {house-2: {kinds: {text2video: {}}}}");
    look(overlay);
    write("");
    look(overlay);

    assertEquals(
        List.of(List.of("models.house-1"), List.of("models.house-2")),
        changes.stream().map(CatalogChanged::gone).toList());
    assertTrue(before.matches("[0-9a-f]{8}"), before);
    assertFalse(changes.get(0).state().equals(before));
    // Whatever is in the file: it changes nothing.
    assertEquals(CatalogOverlay.NOTHING, changes.get(1).state());
    assertEquals(CatalogOverlay.NOTHING, overlay.state());
  }

  @Test
  void a_broken_file_changes_nothing_and_says_why_until_it_is_mended() throws IOException {
    CatalogOverlay overlay = overlay(MODEL);
    Catalog before = Catalog.current();

    for (String broken : List.of("models: {kling-v3: {retired: soon}}", "\u0000", "a: [")) {
      write(broken);
      look(overlay);
      assertEquals(before, Catalog.current());
      assertTrue(overlay.fault().orElseThrow().startsWith(file.toString()), broken);
    }
    write(MODEL);
    look(overlay);

    assertEquals(Optional.empty(), overlay.fault());
    assertEquals(List.of(), changes);
  }

  @Test
  void a_file_that_is_being_written_is_not_taken() throws IOException {
    CatalogOverlay overlay = overlay(MODEL);
    Catalog before = Catalog.current();

    write("");
    overlay.look(file);
    assertEquals(before, Catalog.current());
    write(MODEL);
    look(overlay);

    assertEquals(before, Catalog.current());
    assertEquals(List.of(), changes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kinds: {text2video: {fields: {duration: {seconds: -2000000000..5}}}}",
        "kinds: {text2video: {fields: {duration: {seconds: -99999999999..5}}}}",
        "kinds: {newer/omni-video: {contents: {prompt: 1..2147483648}}}",
        "kinds: {newer/omni-video: {contents: {prompt: 0.5..1}}}",
      })
  void a_bound_that_is_none_is_refused(String broken) throws IOException {
    CatalogOverlay overlay = overlay(MODEL);
    Catalog before = Catalog.current();

    write(broken);
    look(overlay);

    assertEquals(before, Catalog.current());
    assertTrue(overlay.fault().orElseThrow().contains("must be whole numbers "), broken);
  }

  @Test
  void a_file_that_goes_changes_nothing() throws IOException {
    CatalogOverlay overlay = overlay(MODEL);
    Catalog before = Catalog.current();

    Files.delete(file);
    look(overlay);

    assertEquals(before, Catalog.current());
    assertTrue(overlay.fault().orElseThrow().contains("there is no such file"));
    write(MODEL);
    look(overlay);
    assertEquals(Optional.empty(), overlay.fault());
  }

  @Test
  void a_mounted_map_is_another_file_behind_the_same_link() throws IOException {
    Path one = Files.createDirectory(folder.resolve("1"));
    Path two = Files.createDirectory(folder.resolve("2"));
    Files.writeString(one.resolve("c.yaml"), "");
    Files.writeString(two.resolve("c.yaml"), MODEL);
    Path data = Files.createSymbolicLink(folder.resolve("..data"), one);
    file = Files.createSymbolicLink(folder.resolve("c.yaml"), data.resolve("c.yaml"));
    CatalogOverlay overlay = CatalogOver.started(file, changes::add);

    Files.delete(data);
    Files.createSymbolicLink(data, two);
    look(overlay);

    assertTrue(Catalog.current().knowsModel("house-1"));
  }

  @Test
  void a_start_with_a_broken_file_is_refused() throws IOException {
    write("models: 7");

    CatalogFault fault = assertThrows(CatalogFault.class, () -> CatalogOverlay.check(file));
    assertTrue(String.valueOf(fault.getMessage()).contains("line 1, models:"), fault.getMessage());
    assertThrows(CatalogFault.class, () -> overlay("models: 7"));
    assertEquals(Catalog.builtIn(), Catalog.current());
    Files.write(file, new byte[] {(byte) 0xff});
    assertThrows(CatalogFault.class, () -> CatalogOverlay.check(file));
    Files.write(file, "#".repeat(CatalogNode.MAX_TEXT + 1).getBytes(StandardCharsets.UTF_8));
    assertThrows(CatalogFault.class, () -> CatalogOverlay.check(file));
  }

  private CatalogOverlay overlay(String yaml) throws IOException {
    write(yaml);
    return CatalogOver.started(file, changes::add);
  }

  private void write(String yaml) throws IOException {
    Files.writeString(file, yaml);
  }

  private void look(CatalogOverlay overlay) {
    CatalogOver.look(overlay, file);
  }
}
