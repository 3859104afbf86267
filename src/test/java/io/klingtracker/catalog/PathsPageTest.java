package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * {@code src/docs/kling-paths.md} says what the built-in catalogue says. {@code mvn -Dquick test
 * -Dtest=PathsPageTest -Dpaths.publish=true} writes it anew.
 */
class PathsPageTest {

  private static final Path PAGE = Path.of("src/docs/kling-paths.md");
  private static final String FROM = "<!-- catalogue: from here -->\n";
  private static final String TO = "<!-- catalogue: to here -->\n";

  private final Catalog catalog = Catalog.builtIn();

  @Test
  void the_page_is_what_the_catalogue_makes_of_it() throws IOException {
    String page = Files.readString(PAGE);
    int from = page.indexOf(FROM) + FROM.length();
    int to = page.indexOf(TO);
    String wanted = page.substring(0, from) + generated() + page.substring(to);
    if (Boolean.getBoolean("paths.publish")) {
      Files.writeString(PAGE, wanted);
    } else {
      assertEquals(
          wanted,
          page,
          PAGE + " is not what catalog.yaml says; write it with -Dpaths.publish=true");
    }
  }

  private String generated() {
    StringBuilder page = new StringBuilder();
    page.append("\nCatalogue ").append(catalog.version()).append(".\n\n");
    page.append("| kind | path below `/kling` | slots | results | has to have | models |\n");
    page.append("| --- | --- | --- | --- | --- | --- |\n");
    for (Kind kind : catalog.kinds()) {
      row(
          page,
          "`" + kind.name() + "`",
          "`"
              + (kind.dialect() == Kind.Dialect.LEGACY
                  ? "/v1/" + kind.path()
                  : "/" + kind.path() + "/{model}")
              + "`",
          kind.family().wireName(),
          words(kind.results()),
          words(kind.fields().stream().filter(Field::always).map(Field::name).toList()),
          kind.models().isEmpty()
              ? "any"
              : kind.models().stream().map(PathsPageTest::model).collect(Collectors.joining(", ")));
    }
    page.append("\nPassed on and answered at once:\n\n");
    page.append("| path below `/kling/v1` | counts, in units |\n| --- | --- |\n");
    for (SyncPath sync : catalog.sync()) {
      row(
          page,
          "`%s %s`".formatted(sync.isRead() ? "GET" : "POST", sync.path()),
          sync.units().toPlainString());
    }
    page.append("\n## What is particular about a model\n\n");
    page.append("| kind | model | |\n| --- | --- | --- |\n");
    for (Kind kind : catalog.kinds()) {
      for (Model model : kind.models()) {
        String particular = String.join("; ", particular(kind, model));
        if (!particular.isEmpty()) {
          row(page, "`" + kind.name() + "`", "`" + model.name() + "`", particular);
        }
      }
    }
    page.append("\n## Prices\n\n");
    page.append("The first row that fits counts; an empty cell is any.\n\n");
    page.append("| kinds | model | mode | class | units |\n| --- | --- | --- | --- | --- |\n");
    for (Prices.Row price : catalog.prices().rows()) {
      row(
          page,
          words(price.kinds()),
          price.model().replace("*", ""),
          price.mode().replace("*", ""),
          price.priceClass().replace("*", ""),
          price.units().toPlainString() + " " + per(price));
    }
    page.append("\n## Bodies to start from\n\n");
    page.append("`/q/openapi` has the same, with every limit.\n");
    for (Example example : Example.all()) {
      page.append(
          "\n    # %s\n    POST /kling/%s\n    %s\n"
              .formatted(example.title(), example.path(), example.body()));
    }
    return page.append('\n').toString();
  }

  private static String per(Prices.Row price) {
    return "a "
        + price.per()
        + (price.most() > 0 ? ", " + price.most() + " where its length is not known" : "")
        + (price.input() > 0 ? ", out and in" : "");
  }

  private static String model(Model model) {
    return "`%s`%s".formatted(model.name(), model.retired() == null ? "" : " †");
  }

  private static List<String> particular(Kind kind, Model model) {
    List<String> particular = new ArrayList<>();
    if (model.retired() != null) {
      particular.add("refused from " + model.retired() + " on");
    }
    if (model.alias() != null) {
      particular.add("also `" + model.alias() + "`");
    }
    differences("", kind.fields(), model.fields(), particular);
    model
        .modes()
        .forEach(
            (field, modes) -> {
              if (kind.fields().stream().anyMatch(f -> f.name().equals(field))) {
                particular.add("`%s` in mode %s only".formatted(field, String.join(", ", modes)));
              }
            });
    if (model.contents() != null) {
      particular.add(model.contents().doc());
    }
    List<String> ignored =
        model.ignored().stream()
            .filter(
                path -> kind.fields().stream().anyMatch(f -> path.split("\\.")[0].equals(f.name())))
            .toList();
    if (!ignored.isEmpty()) {
      particular.add("without effect: " + words(ignored));
    }
    if (!model.takes().callbackUrl()) {
      particular.add("no `callback_url`");
    }
    if (!model.takes().externalTaskId()) {
      particular.add("no `external_task_id`");
    }
    return particular;
  }

  private static void differences(
      String prefix, List<Field> common, List<Field> own, List<String> particular) {
    for (int i = 0; i < own.size(); i++) {
      Field field = own.get(i);
      String name = prefix + field.name();
      if (!common.get(i).always() && field.always()) {
        particular.add("`" + name + "` is required");
      }
      if (common.get(i).type() instanceof FieldType.Shape shape
          && field.type() instanceof FieldType.Shape narrower) {
        differences(name + ".", shape.fields(), narrower.fields(), particular);
      } else if (common.get(i).type() instanceof FieldType.Items items
          && field.type() instanceof FieldType.Items narrower
          && items.of() instanceof FieldType.Shape shape
          && narrower.of() instanceof FieldType.Shape inner) {
        differences(name + "[].", shape.fields(), inner.fields(), particular);
      } else if (!common.get(i).type().equals(field.type())) {
        particular.add("`%s` %s".formatted(name, field.type().rule()));
      }
    }
  }

  private static String words(List<String> words) {
    return words.stream().map(word -> "`" + word + "`").collect(Collectors.joining(", "));
  }

  private static void row(StringBuilder page, String... cells) {
    page.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }
}
