package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.autoscaling.v2.HorizontalPodAutoscaler;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.networking.v1.Ingress;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.openshift.api.model.monitoring.v1.PrometheusRule;
import io.fabric8.openshift.api.model.monitoring.v1.ServiceMonitor;
import io.klingtracker.events.RelayConfig;
import io.klingtracker.http.OperatorConfig;
import io.klingtracker.testing.Settings;
import io.klingtracker.webhook.WebhookConfig;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** k8s/ says only what Kubernetes and the service understand, and its objects belong together. */
class KubernetesTest {

  private static final Path FOLDER = Path.of("k8s");
  private static final Path BASE = FOLDER.resolve("base");
  private static final Path PROD = FOLDER.resolve("overlays/prod");
  private static final String NAME = "kling-task-tracker";

  /** {@code WorkLoop.stop} waits for so long. */
  private static final long LAST_ROUND_SECONDS = 10;

  private static final Set<String> PROBES =
      Set.of("/q/health/started", "/q/health/live", "/q/health/ready");

  /** A topic of Strimzi's: as much of it as anybody needs. */
  private record KafkaTopic(String apiVersion, String kind, Metadata metadata, Spec spec) {
    record Metadata(String name, Map<String, String> labels, String namespace) {}

    record Spec(int partitions, int replicas, Map<String, Object> config) {}
  }

  private static final Map<String, Class<?>> KINDS =
      Map.ofEntries(
          Map.entry("v1 ConfigMap", ConfigMap.class),
          Map.entry("v1 Namespace", Namespace.class),
          Map.entry("v1 Secret", Secret.class),
          Map.entry("v1 Service", Service.class),
          Map.entry("apps/v1 Deployment", Deployment.class),
          Map.entry("autoscaling/v2 HorizontalPodAutoscaler", HorizontalPodAutoscaler.class),
          Map.entry("batch/v1 Job", Job.class),
          Map.entry("networking.k8s.io/v1 Ingress", Ingress.class),
          Map.entry("networking.k8s.io/v1 NetworkPolicy", NetworkPolicy.class),
          Map.entry("policy/v1 PodDisruptionBudget", PodDisruptionBudget.class),
          Map.entry("monitoring.coreos.com/v1 PrometheusRule", PrometheusRule.class),
          Map.entry("monitoring.coreos.com/v1 ServiceMonitor", ServiceMonitor.class),
          Map.entry("kafka.strimzi.io/v1beta2 KafkaTopic", KafkaTopic.class));

  private static final YAMLMapper YAML = new YAMLMapper();

  /** The model keeps fields that it does not know; here they are faults. */
  private static final YAMLMapper STRICT = new YAMLMapper();

  static {
    STRICT.setAnnotationIntrospector(
        new JacksonAnnotationIntrospector() {
          private static final long serialVersionUID = 1L;

          @Override
          public Boolean hasAnySetter(Annotated member) {
            return false;
          }
        });
  }

  static Stream<Path> manifests() throws IOException {
    try (Stream<Path> files = Files.walk(FOLDER)) {
      return files
          .filter(file -> file.toString().endsWith(".yaml"))
          .filter(file -> !file.endsWith("kustomization.yaml"))
          .filter(file -> !file.endsWith("rules.test.yaml"))
          .sorted()
          .toList()
          .stream();
    }
  }

  @ParameterizedTest
  @MethodSource("manifests")
  void every_field_is_one_of_kubernetes(Path file) throws IOException {
    for (JsonNode object : objects(Files.readString(file))) {
      strict(object);
    }
  }

  @Test
  void a_field_that_kubernetes_does_not_know_is_found() throws IOException {
    JsonNode deployment = objects(Files.readString(BASE.resolve("deployment.yaml"))).get(0);
    ((com.fasterxml.jackson.databind.node.ObjectNode)
            deployment.at("/spec/template/spec/containers/0/securityContext"))
        .put("readOnlyRootFileSystem", true);

    assertThrows(JsonProcessingException.class, () -> strict(deployment));
  }

  private static Object strict(JsonNode object) throws IOException {
    String kind = object.path("apiVersion").asText() + " " + object.path("kind").asText();
    Class<?> type = KINDS.get(kind);
    assertTrue(type != null, kind + " is not known here");
    return STRICT.treeToValue(object, type);
  }

  private static List<JsonNode> objects(String text) throws IOException {
    List<JsonNode> objects = new ArrayList<>();
    try (var values = YAML.readerFor(JsonNode.class).<JsonNode>readValues(text)) {
      values.forEachRemaining(objects::add);
    }
    return objects;
  }

  /** A manifest with one object. */
  private static <T> T read(Path file, Class<T> type) {
    try {
      return type.cast(strict(YAML.readTree(file.toFile())));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "overlays/dev", "overlays/prod"})
  void kustomize_makes_objects_of_it_that_kubernetes_knows(String folder) throws Exception {
    String made = kustomize(FOLDER.resolve(folder));

    List<JsonNode> objects = objects(made);
    Set<String> names = new TreeSet<>();
    for (JsonNode object : objects) {
      strict(object);
      assertTrue(
          names.add(object.get("kind").asText() + " " + object.at("/metadata/name").asText()));
    }
    Set<String> kinds = new TreeSet<>();
    names.forEach(name -> kinds.add(name.substring(0, name.indexOf(' '))));
    Set<String> expected = new TreeSet<>(Set.of("ConfigMap", "Deployment", "Service"));
    expected.add("PodDisruptionBudget");
    if (!folder.endsWith("dev")) {
      expected.addAll(Set.of("HorizontalPodAutoscaler", "NetworkPolicy"));
    }
    if (folder.startsWith("overlays")) {
      expected.add("Namespace");
    }
    if (folder.endsWith("prod")) {
      expected.addAll(Set.of("Ingress", "Job", "KafkaTopic", "PrometheusRule", "ServiceMonitor"));
    }
    assertEquals(expected, kinds);
    // A changed setting restarts: whoever reads the ConfigMap names the very one that was made.
    for (JsonNode object : objects) {
      JsonNode reference =
          object.at("/spec/template/spec/containers/0/envFrom/0/configMapRef/name");
      if (!reference.isMissingNode()) {
        assertTrue(names.contains("ConfigMap " + reference.asText()), reference.asText());
        assertTrue(reference.asText().startsWith(NAME + "-"), reference.asText());
      }
    }
  }

  /** What kubectl makes of a folder; the test is left out where there is none that can. */
  private static String kustomize(Path folder) throws Exception {
    Process kubectl;
    try {
      kubectl = new ProcessBuilder("kubectl", "kustomize", folder.toString()).start();
    } catch (IOException e) {
      assumeTrue(false, "no kubectl here");
      throw e;
    }
    String made = new String(kubectl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String faults = new String(kubectl.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(kubectl.waitFor(60, TimeUnit.SECONDS), "kubectl does not end");
    assumeTrue(!faults.contains("unknown command"), "a kubectl of before 1.14");
    assertEquals("", faults);
    return made;
  }

  @Test
  void every_file_belongs_to_a_kustomization() throws IOException {
    Set<Path> listed = new HashSet<>();
    listed.add(BASE.resolve("secret.example.yaml"));
    for (Path folder :
        List.of(BASE, FOLDER.resolve("overlays/dev"), PROD, FOLDER.resolve("monitoring"))) {
      JsonNode kustomization = YAML.readTree(folder.resolve("kustomization.yaml").toFile());
      kustomization
          .get("resources")
          .forEach(resource -> listed.add(folder.resolve(resource.asText()).normalize()));
      kustomization
          .get("configMapGenerator")
          .forEach(
              map ->
                  Stream.of("envs", "files")
                      .forEach(
                          list ->
                              map.path(list)
                                  .forEach(file -> listed.add(folder.resolve(file.asText())))));
    }
    Set<Path> unlisted = new TreeSet<>();
    try (Stream<Path> files = Files.walk(FOLDER)) {
      files
          .filter(Files::isRegularFile)
          .filter(file -> !file.endsWith("kustomization.yaml"))
          .filter(file -> !file.endsWith("rules.test.yaml"))
          .filter(file -> !listed.contains(file))
          .forEach(unlisted::add);
    }
    assertEquals(Set.of(), unlisted);
    listed.forEach(file -> assertTrue(Files.exists(file), file.toString()));
  }

  @Test
  void every_variable_is_a_setting() throws IOException {
    DeploymentTest.assertKnown(settings(BASE).keySet());
    DeploymentTest.assertKnown(settings(FOLDER.resolve("overlays/dev")).keySet());
    DeploymentTest.assertKnown(settings(PROD).keySet());
    DeploymentTest.assertKnown(
        read(BASE.resolve("secret.example.yaml"), Secret.class).getStringData().keySet());
    pod(migration())
        .getContainers()
        .get(0)
        .getEnv()
        .forEach(variable -> DeploymentTest.assertKnown(Set.of(variable.getName())));
  }

  private static Map<String, String> settings(Path folder) throws IOException {
    Properties file = new Properties();
    try (Reader in = Files.newBufferedReader(folder.resolve("settings.env"))) {
      file.load(in);
    }
    Map<String, String> settings = new TreeMap<>();
    file.forEach((key, value) -> settings.put(key.toString(), value.toString()));
    return settings;
  }

  @Test
  void selectors_find_the_pods_that_they_mean() {
    Map<String, String> pods = deployment().getSpec().getTemplate().getMetadata().getLabels();
    assertEquals(pods, deployment().getSpec().getSelector().getMatchLabels());
    assertEquals(pods, service("service").getSpec().getSelector());
    assertEquals(pods, service("operator-service").getSpec().getSelector());
    assertEquals(
        pods,
        read(BASE.resolve("pdb.yaml"), PodDisruptionBudget.class)
            .getSpec()
            .getSelector()
            .getMatchLabels());
    pod(deployment())
        .getTopologySpreadConstraints()
        .forEach(spread -> assertEquals(pods, spread.getLabelSelector().getMatchLabels()));
    assertEquals(
        pods,
        pod(deployment())
            .getAffinity()
            .getPodAntiAffinity()
            .getPreferredDuringSchedulingIgnoredDuringExecution()
            .get(0)
            .getPodAffinityTerm()
            .getLabelSelector()
            .getMatchLabels());

    Map<String, String> migrates = migration().getSpec().getTemplate().getMetadata().getLabels();
    assertFalse(migrates.entrySet().containsAll(pods.entrySet()), "the job would get requests");
    Map<String, String> guarded =
        read(BASE.resolve("networkpolicy.yaml"), NetworkPolicy.class)
            .getSpec()
            .getPodSelector()
            .getMatchLabels();
    assertTrue(pods.entrySet().containsAll(guarded.entrySet()));
    assertTrue(migrates.entrySet().containsAll(guarded.entrySet()));

    HorizontalPodAutoscaler scaler = read(BASE.resolve("hpa.yaml"), HorizontalPodAutoscaler.class);
    assertEquals(
        deployment().getMetadata().getName(), scaler.getSpec().getScaleTargetRef().getName());
    assertEquals(null, deployment().getSpec().getReplicas(), "the autoscaler's to say");

    ServiceMonitor monitor =
        read(FOLDER.resolve("monitoring/servicemonitor.yaml"), ServiceMonitor.class);
    Map<String, String> operator =
        new TreeMap<>(service("operator-service").getMetadata().getLabels());
    operator.put("app.kubernetes.io/name", NAME);
    assertEquals(operator, monitor.getSpec().getSelector().getMatchLabels());
    assertEquals(
        service("operator-service").getSpec().getPorts().get(0).getName(),
        monitor.getSpec().getEndpoints().get(0).getPort());
    assertEquals("/q/metrics", monitor.getSpec().getEndpoints().get(0).getPath());
  }

  @Test
  void ports_and_probes_lead_where_something_answers() throws IOException {
    Map<String, Integer> ports = new TreeMap<>();
    pod(deployment())
        .getContainers()
        .get(0)
        .getPorts()
        .forEach(port -> ports.put(port.getName(), port.getContainerPort()));
    Map<String, String> settings = settings(BASE);
    Properties application = application();
    assertEquals(
        Map.of(
            "http",
            Integer.parseInt(application.getProperty("quarkus.http.port")),
            "operator",
            Integer.parseInt(settings.get("TRACKER_OPERATOR_PORT"))),
        ports);
    assertTrue(
        Settings.of(OperatorConfig.class, Map.of("tracker.operator.port", "9090"))
            .port()
            .isPresent());
    assertEquals("http", target("service"));
    assertEquals("operator", target("operator-service"));

    var container = pod(deployment()).getContainers().get(0);
    Set<String> probes = new TreeSet<>();
    for (var probe :
        List.of(
            container.getStartupProbe(),
            container.getLivenessProbe(),
            container.getReadinessProbe())) {
      assertEquals("http", probe.getHttpGet().getPort().getStrVal());
      probes.add(probe.getHttpGet().getPath());
    }
    assertEquals(new TreeSet<>(PROBES), probes);

    read(BASE.resolve("networkpolicy.yaml"), NetworkPolicy.class).getSpec().getIngress().stream()
        .flatMap(rule -> rule.getPorts().stream())
        .forEach(port -> assertTrue(ports.containsKey(port.getPort().getStrVal())));
  }

  private static String target(String file) {
    var ports = service(file).getSpec().getPorts();
    assertEquals(1, ports.size());
    return ports.get(0).getTargetPort().getStrVal();
  }

  @Test
  void the_front_leads_to_clients_and_klings_paths_alone() {
    Ingress front = read(PROD.resolve("ingress.yaml"), Ingress.class);
    var rule = front.getSpec().getRules().get(0);
    assertEquals(front.getSpec().getTls().get(0).getHosts(), List.of(rule.getHost()));
    Set<String> paths = new TreeSet<>();
    rule.getHttp()
        .getPaths()
        .forEach(
            path -> {
              paths.add(path.getPath());
              var service = path.getBackend().getService();
              assertEquals(service("service").getMetadata().getName(), service.getName());
              assertEquals(
                  service("service").getSpec().getPorts().get(0).getName(),
                  service.getPort().getName());
            });
    assertEquals(
        Set.of("/callbacks", "/kling", "/v1", "/schemas", "/.well-known", "/asyncapi.yaml"), paths);
    String limit =
        front.getMetadata().getAnnotations().get("nginx.ingress.kubernetes.io/proxy-read-timeout");
    assertTrue(Integer.parseInt(limit) > 90, "longer than tracker.http.answer-time");
  }

  @Test
  void a_pod_may_do_nothing_that_it_does_not_need() {
    for (PodSpec pod : List.of(pod(deployment()), pod(migration()))) {
      assertEquals(false, pod.getAutomountServiceAccountToken());
      assertEquals(false, pod.getEnableServiceLinks());
      assertEquals(true, pod.getSecurityContext().getRunAsNonRoot());
      assertEquals("RuntimeDefault", pod.getSecurityContext().getSeccompProfile().getType());
      var container = pod.getContainers().get(0);
      assertEquals(false, container.getSecurityContext().getAllowPrivilegeEscalation());
      assertEquals(true, container.getSecurityContext().getReadOnlyRootFilesystem());
      assertEquals(List.of("ALL"), container.getSecurityContext().getCapabilities().getDrop());
      assertEquals("/tmp", container.getVolumeMounts().get(0).getMountPath());
      assertEquals(
          container.getResources().getRequests().get("memory"),
          container.getResources().getLimits().get("memory"));
      container.getEnvFrom().stream()
          .filter(source -> source.getSecretRef() != null)
          .forEach(
              source ->
                  assertEquals(
                      read(BASE.resolve("secret.example.yaml"), Secret.class)
                          .getMetadata()
                          .getName(),
                      source.getSecretRef().getName()));
      assertEquals(2, container.getEnvFrom().size());
    }
  }

  @Test
  void a_pod_has_the_time_that_its_start_and_its_end_may_take() throws IOException {
    var container = pod(deployment()).getContainers().get(0);
    var startup = container.getStartupProbe();
    Duration start =
        Duration.ofSeconds((long) startup.getPeriodSeconds() * startup.getFailureThreshold());
    assertTrue(start.compareTo(Settings.of(StartConfig.class, Map.of()).most()) > 0, "start");

    List<String> stop = container.getLifecycle().getPreStop().getExec().getCommand();
    assertEquals("sleep", stop.get(0));
    Properties defaults = application();
    assertEquals("true", defaults.getProperty("quarkus.shutdown.delay-enabled"));
    long end =
        Long.parseLong(stop.get(1))
            + seconds(defaults, "%prod.quarkus.shutdown.delay")
            + seconds(defaults, "quarkus.shutdown.timeout")
            + LAST_ROUND_SECONDS;
    assertTrue(pod(deployment()).getTerminationGracePeriodSeconds() > end, "end");
  }

  private static long seconds(Properties defaults, String key) {
    return Long.parseLong(defaults.getProperty(key).replaceFirst("s$", ""));
  }

  private static Properties application() throws IOException {
    Properties defaults = new Properties();
    try (Reader in =
        Files.newBufferedReader(Path.of("src/main/resources/application.properties"))) {
      defaults.load(in);
    }
    return defaults;
  }

  @Test
  void the_job_migrates_and_replicas_wait_for_it() throws IOException {
    assertEquals("off", settings(PROD).get("TRACKER_MIGRATE"));
    var variable = pod(migration()).getContainers().get(0).getEnv().get(0);
    assertEquals("TRACKER_MIGRATE", variable.getName());
    assertEquals("only", variable.getValue());
    assertEquals(
        pod(deployment()).getContainers().get(0).getEnvFrom(),
        pod(migration()).getContainers().get(0).getEnvFrom());
    assertEquals(
        pod(deployment()).getContainers().get(0).getImage(),
        pod(migration()).getContainers().get(0).getImage());
  }

  @Test
  void the_topics_are_those_of_the_settings() throws IOException {
    RelayConfig relay = Settings.of(RelayConfig.class, Map.of());
    Set<String> topics = new TreeSet<>();
    for (JsonNode object : objects(Files.readString(PROD.resolve("topics.yaml")))) {
      KafkaTopic topic = (KafkaTopic) strict(object);
      topics.add(topic.metadata().name());
      assertEquals(relay.topics().partitions(), topic.spec().partitions());
      assertEquals(
          topic.metadata().name().equals(relay.state().topic()) ? "compact" : null,
          topic.spec().config().get("cleanup.policy"));
    }
    assertEquals(
        Set.of(
            relay.topic(),
            relay.state().topic(),
            Settings.of(WebhookConfig.class, Map.of()).hostTopic()),
        topics);
    assertEquals("false", settings(PROD).get("TRACKER_EVENTS_TOPICS_CREATE"));
  }

  @Test
  void the_version_is_the_build_s() throws IOException {
    String version =
        Files.readString(Path.of("pom.xml"))
            .replaceFirst("(?s).*?<artifactId>kling-task-tracker</artifactId>\\s*<version>", "")
            .replaceFirst("(?s)<.*", "");
    JsonNode base = YAML.readTree(BASE.resolve("kustomization.yaml").toFile());
    assertEquals(version, base.at("/images/0/newTag").asText());
    assertEquals(version, base.at("/labels/0/pairs/app.kubernetes.io~1version").asText());
  }

  private static Deployment deployment() {
    return read(BASE.resolve("deployment.yaml"), Deployment.class);
  }

  private static Job migration() {
    return read(PROD.resolve("migration.yaml"), Job.class);
  }

  private static Service service(String file) {
    return read(BASE.resolve(file + ".yaml"), Service.class);
  }

  private static PodSpec pod(Deployment deployment) {
    return deployment.getSpec().getTemplate().getSpec();
  }

  private static PodSpec pod(Job job) {
    return job.getSpec().getTemplate().getSpec();
  }
}
