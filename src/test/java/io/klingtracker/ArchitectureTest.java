package io.klingtracker;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.klingtracker.catalog.ReservedIds;
import io.klingtracker.database.Columns;
import io.klingtracker.tenant.Admin;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.Open;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HttpMethod;
import jakarta.ws.rs.Path;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The layout as rules: which package may use which, who reads the clock, who writes a status. */
class ArchitectureTest {

  private static final String BASE = "io.klingtracker";

  private static final JavaClasses CODE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .withImportOption(location -> !location.contains("/test-classes/"))
          .importPackages(BASE);

  private static final List<JavaMethod> RESOURCE_METHODS =
      CODE.stream()
          .flatMap(type -> type.getMethods().stream())
          .filter(method -> method.isMetaAnnotatedWith(HttpMethod.class))
          .toList();

  /**
   * Every package and all that it uses; a new edge is a decision, made here. The way in is not
   * here: it knows every feature's settings, and nothing knows it.
   */
  private static final Map<String, Set<String>> ALLOWED =
      edges(
          """
          problem
          cache
          database -> problem
          text
          egress -> text
          storage
          request -> problem text
          share -> problem
          http -> database problem request share
          kling -> catalog secret text
          time
          loops -> cache database time
          presence -> database loops
          retry
          json -> problem
          catalog -> egress json loops problem secret text
          secret -> loops
          signature -> secret
          task -> database loops problem request catalog share text time
          tenant -> cache database http kling loops problem request catalog secret task text time
          upstream -> database kling loops problem retry catalog secret task
          watch -> database http loops problem share task
          api -> cache kling loops problem request catalog secret share task tenant time upstream watch
          console -> callback catalog dispatch feed http problem reconcile request secret task tenant time upstream webhook
          billing -> database kling loops problem request task tenant text time upstream
          callback -> database http kling loops presence problem retry secret task tenant text time upstream
          counts -> catalog database loops presence request task tenant
          custody -> database egress http loops presence problem request retry secret share storage task tenant time upstream
          dispatch -> catalog database http json kling loops presence problem request retry share task tenant time upstream
          events -> database loops presence problem request retry task tenant time watch
          feed -> database loops problem request retry secret task tenant watch
          klingapi -> egress http json kling problem request catalog database secret share task tenant upstream watch
          reconcile -> cache database kling loops presence problem request retry catalog task tenant time upstream watch
          retention -> catalog database loops presence problem request storage task tenant time
          webhook -> cache database egress loops presence problem request retry catalog secret share signature task tenant time
          """);

  /** The rows of the documented table: its packages, and the level. */
  private static final Pattern DOCUMENTED =
      Pattern.compile("\\| (`[a-z` ]+`) \\| .* \\| ([a-z ]+) \\|");

  private static final List<String> LEVELS =
      List.of("ground", "core", "feature", "pages", "way in");

  @Test
  void packages_use_only_what_they_may() {
    Map<String, Set<String>> edges = edgesOfTheCode();
    edges.remove("start");
    assertEquals(Map.of(), without(edges, ALLOWED), "edges that ALLOWED does not have");
    assertEquals(Map.of(), without(ALLOWED, edges), "edges of ALLOWED that nobody uses");
    assertEquals(edges.keySet(), ALLOWED.keySet(), "packages");
  }

  @Test
  void packages_are_documented_and_use_nothing_above_them() throws IOException {
    Map<String, Integer> levels = new TreeMap<>();
    for (String line : Files.readAllLines(java.nio.file.Path.of("src/docs/architecture.md"))) {
      Matcher row = DOCUMENTED.matcher(line);
      if (row.matches()) {
        for (String name : row.group(1).replace("`", "").split(" ")) {
          levels.put(name, LEVELS.indexOf(row.group(2)));
        }
      }
    }
    Map<String, Set<String>> edges = edgesOfTheCode();
    assertEquals(edges.keySet(), levels.keySet(), "packages and the rows of architecture.md");

    int feature = LEVELS.indexOf("feature");
    Set<String> upward = new TreeSet<>();
    edges.forEach(
        (name, used) -> {
          for (String other : used) {
            int above = levels.get(other) - levels.get(name);
            if (above > 0 || above == 0 && levels.get(name) == feature) {
              upward.add(name + " -> " + other);
            }
          }
        });
    assertEquals(Set.of(), upward, "edges that go up, or from one feature to another");
  }

  private static Map<String, Set<String>> edgesOfTheCode() {
    Map<String, Set<String>> edges = new TreeMap<>();
    for (JavaClass type : CODE) {
      Set<String> used =
          type.getDirectDependenciesFromSelf().stream()
              .map(dependency -> dependency.getTargetClass().getPackageName())
              .filter(name -> name.startsWith(BASE + "."))
              .map(ArchitectureTest::feature)
              .filter(name -> !name.equals(feature(type.getPackageName())))
              .collect(Collectors.toCollection(TreeSet::new));
      edges.computeIfAbsent(feature(type.getPackageName()), name -> new TreeSet<>()).addAll(used);
    }
    edges.remove("");
    return edges;
  }

  private static Map<String, Set<String>> edges(String table) {
    Map<String, Set<String>> edges = new TreeMap<>();
    for (String line : table.split("\n")) {
      String[] words = line.split(" (-> )?");
      edges.put(words[0], new TreeSet<>(List.of(words).subList(1, words.length)));
    }
    return edges;
  }

  /** The edges of one that another does not have. */
  private static Map<String, Set<String>> without(
      Map<String, Set<String>> edges, Map<String, Set<String>> others) {
    Map<String, Set<String>> rest = new TreeMap<>();
    edges.forEach(
        (name, used) -> {
          Set<String> extra = new TreeSet<>(used);
          extra.removeAll(others.getOrDefault(name, Set.of()));
          if (!extra.isEmpty()) {
            rest.put(name, extra);
          }
        });
    return rest;
  }

  @Test
  void there_are_no_cycles() {
    slices().matching(BASE + ".(*)..").should().beFreeOfCycles().check(CODE);
  }

  @Test
  void only_the_clock_reads_the_time() {
    noClasses()
        .that()
        .resideOutsideOfPackage(BASE + ".time")
        .should()
        .callMethod(java.time.Instant.class, "now")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(java.time.OffsetDateTime.class, "now")
        .orShould()
        .callMethod(java.time.LocalDate.class, "now")
        .check(CODE);
  }

  @Test
  void arrays_are_bound_in_one_way() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(Columns.class.getName())
        .should()
        .callMethodWhere(target(name("bindArray")))
        .check(CODE);
  }

  @Test
  void stores_and_repositories_stay_in_their_package() {
    classes()
        .that()
        .haveSimpleNameEndingWith("Store")
        .or()
        .haveSimpleNameEndingWith("Repository")
        .should()
        .bePackagePrivate()
        .check(CODE);
  }

  @Test
  void tests_that_need_quarkus_share_one() {
    JavaClasses tests =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.ONLY_INCLUDE_TESTS)
            .importPackages(BASE);

    // The build runs this tag in one JVM; in each of the others Quarkus would start again.
    classes()
        .that()
        .areAnnotatedWith(QuarkusTest.class)
        .should()
        .beAnnotatedWith(
            DescribedPredicate.describe(
                "@Tag(\"story\")",
                annotation ->
                    annotation.getRawType().isEquivalentTo(Tag.class)
                        && annotation.get("value").filter("story"::equals).isPresent()))
        .check(tests);
  }

  @Test
  void no_class_is_a_drawer_for_odds_and_ends() {
    noClasses().should().haveNameMatching(".*(Util|Utils|Manager|Helper|Impl)").check(CODE);
  }

  @Test
  void the_words_of_the_core_need_no_framework() {
    noClasses()
        .that()
        .resideInAnyPackage(BASE + ".catalog", BASE + ".retry", BASE + ".json")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.quarkus..", "jakarta.ws.rs..", "org.apache.kafka..")
        .check(CODE);
  }

  private static String feature(String packageName) {
    if (packageName.equals(BASE)) {
      return "";
    }
    String rest = packageName.substring(BASE.length() + 1);
    int dot = rest.indexOf('.');
    return dot < 0 ? rest : rest.substring(0, dot);
  }

  @Test
  void every_resource_method_has_one_entry() {
    assertTrue(
        RESOURCE_METHODS.size() > 40,
        "only " + RESOURCE_METHODS.size() + " resource methods were found");
    Set<String> wrong = new TreeSet<>();
    for (JavaMethod method : RESOURCE_METHODS) {
      long entries =
          List.of(Needs.class, Admin.class, Open.class).stream()
              .filter(method::isAnnotatedWith)
              .count();
      if (entries != 1) {
        wrong.add(method.getFullName() + " has " + entries + " of @Needs, @Admin and @Open");
      }
    }
    assertEquals(Set.of(), wrong);
  }

  @Test
  void administrators_methods_are_those_below_admin() {
    Set<String> wrong = new TreeSet<>();
    for (JavaMethod method : RESOURCE_METHODS) {
      boolean below = path(method.getOwner()).startsWith("/admin/");
      if (below != method.isAnnotatedWith(Admin.class)) {
        wrong.add(method.getFullName());
      }
    }
    assertEquals(Set.of(), wrong);
  }

  @Test
  void the_open_resource_methods_are_named_here() {
    Set<String> open = new TreeSet<>();
    RESOURCE_METHODS.stream()
        .filter(method -> method.isAnnotatedWith(Open.class))
        .forEach(method -> open.add(method.getOwner().getSimpleName() + "." + method.getName()));
    assertEquals(
        Set.of(
            "AssetResource.get",
            "SignInResource.once",
            "SignInResource.page",
            "SignInResource.signIn",
            "WebhookKeysResource.keys"),
        open);
  }

  /** A browser sends cookies along with whatever makes it send a request. */
  @Test
  void every_change_by_a_page_checks_that_a_page_of_the_session_asked_for_it() {
    Set<String> unchecked = new TreeSet<>();
    for (JavaMethod method : RESOURCE_METHODS) {
      boolean changes =
          path(method.getOwner()).startsWith("/console")
              && !method.isAnnotatedWith(GET.class)
              && !method.isAnnotatedWith(Open.class);
      if (changes && !checksForm(method)) {
        unchecked.add(method.getFullName());
      }
    }
    assertEquals(Set.of(), unchecked);
  }

  private static boolean checksForm(JavaMethod method) {
    return method.getMethodCallsFromSelf().stream()
        .anyMatch(call -> call.getTarget().getName().equals("checkForm"));
  }

  private static String path(JavaClass resource) {
    return resource.getAnnotationOfType(Path.class).value();
  }

  @Test
  void words_of_paths_that_stand_where_an_id_may_stand_are_reserved() {
    Set<String> free = new TreeSet<>();
    for (JavaMethod method : RESOURCE_METHODS) {
      String below =
          method.isAnnotatedWith(Path.class) ? method.getAnnotationOfType(Path.class).value() : "";
      String path = (path(method.getOwner()) + "/" + below).replaceAll("/+", "/");
      if (path.matches("/v1/tasks/.+")) {
        String word = path.split("/")[3];
        if (!word.startsWith("{") && !ReservedIds.contain(word)) {
          free.add(path);
        }
      }
    }
    assertEquals(Set.of(), free);
  }

  /**
   * Those that are hidden are Kling's, which the document describes path by path. The console's are
   * pages, which ConsoleStoryTest looks at as a stranger.
   */
  @Test
  void every_resource_method_is_in_the_document_that_the_isolation_test_walks() {
    Set<String> hidden = new TreeSet<>();
    for (JavaMethod method : RESOURCE_METHODS) {
      if (path(method.getOwner()).startsWith("/console")) {
        continue;
      }
      if (!method.isAnnotatedWith(Operation.class)
          || method.getAnnotationOfType(Operation.class).hidden()) {
        hidden.add(method.getOwner().getSimpleName() + "." + method.getName());
      }
    }
    assertEquals(
        Set.of(
            "KlingResource.create",
            "KlingResource.presets",
            "KlingResource.read",
            "NewerResource.create"),
        hidden);
  }
}
