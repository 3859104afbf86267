package io.klingtracker.browser;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.deque.html.axecore.results.Rule;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.assertions.LocatorAssertions;
import com.microsoft.playwright.options.ColorScheme;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.simulator.Fault;
import io.klingtracker.simulator.FaultRule;
import io.klingtracker.simulator.Operation;
import io.klingtracker.testing.TrackerStack;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The console as a reader has it: two replicas of the packaged service behind one cookie, and
 * Debian's Chromium. What a page logs as an error, or opens as a dialog, fails its test.
 */
class ConsoleBrowserIT {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String CREATE = "/kling/v1/videos/text2video";
  private static final int WIDE = 1600;
  private static final int NARROW = 360;
  private static final int HEIGHT = 900;
  private static final String EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>";

  private static ServiceProcess service;
  private static ServiceProcess other;
  private static Playwright playwright;
  private static Browser browser;

  private final List<String> faults = new ArrayList<>();
  private BrowserContext context;
  private Page page;

  @BeforeAll
  static void a_service_and_a_browser() {
    TrackerStack.simulator().reset();
    service = new ServiceProcess(TrackerStack.config("tracker_browser")).start();
    other = service.another(Map.of()).start();
    // No browser of its own is fetched.
    playwright =
        Playwright.create(
            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
    List<String> options =
        new ArrayList<>(
            List.of(
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"));
    if ("root".equals(System.getProperty("user.name"))) {
      options.add("--no-sandbox");
    }
    browser =
        playwright
            .chromium()
            .launch(
                new BrowserType.LaunchOptions()
                    .setExecutablePath(Path.of(System.getProperty("browser", "/usr/bin/chromium")))
                    .setArgs(options));
  }

  @AfterAll
  static void no_more() {
    browser.close();
    playwright.close();
    other.close();
    service.close();
  }

  @BeforeEach
  void a_reader() {
    TrackerStack.simulator().clearFaults();
    open(WIDE, ColorScheme.LIGHT);
  }

  @AfterEach
  void without_faults() {
    context.close();
    assertEquals(List.of(), faults);
  }

  private void open(int width, ColorScheme scheme) {
    if (context != null) {
      context.close();
    }
    context =
        browser.newContext(
            new Browser.NewContextOptions().setViewportSize(width, HEIGHT).setColorScheme(scheme));
    page = context.newPage();
    page.onDialog(
        dialog -> {
          faults.add("dialog: " + dialog.message());
          dialog.dismiss();
        });
    page.onPageError(error -> faults.add("script: " + error));
    page.onConsoleMessage(
        message -> {
          if (message.text().contains("Content Security Policy")
              || message.text().contains("Uncaught")) {
            faults.add("console: " + message.text());
          }
        });
  }

  private void signIn() {
    page.navigate(service.url() + "/console");
    page.locator("#key").fill(TrackerStack.API_KEY);
    page.locator("button.primary").click();
    assertThat(page.locator("h1")).hasText("Tasks");
    page.waitForLoadState();
  }

  private static String submit(String body) throws Exception {
    HttpResponse<String> answer = service.post(CREATE, TrackerStack.API_KEY, body);
    assertEquals(200, answer.statusCode(), answer.body());
    return JSON.readTree(answer.body()).at("/data/task_id").asText();
  }

  private static String submit() throws Exception {
    return submit(
        "{\"model_name\":\"kling-v3\",\"prompt\":\"a red kite over the sea\",\"external_task_id\":\"order-%s\"}"
            .formatted(UUID.randomUUID()));
  }

  private void openTask(String task) {
    page.navigate(service.url() + "/console/tasks/" + task);
    assertThat(page.locator("h1 .id")).hasText(task);
  }

  private void awaitStatus(String status) {
    assertThat(page.locator("h1 .status"))
        .hasText(status, new LocatorAssertions.HasTextOptions().setTimeout(30_000));
  }

  private void accessible(String what) {
    List<String> serious = new ArrayList<>();
    for (Rule rule : new AxeBuilder(page).analyze().getViolations()) {
      if (List.of("serious", "critical").contains(rule.getImpact())) {
        serious.add(rule.getId() + " " + rule.getNodes());
      }
    }
    assertEquals(List.of(), serious, what);
  }

  private void fits(String what) {
    int wide = ((Number) page.evaluate("document.documentElement.scrollWidth")).intValue();
    int view = ((Number) page.evaluate("document.documentElement.clientWidth")).intValue();
    assertTrue(wide <= view, what + " is " + wide + " wide in a window of " + view);
  }

  private void picture(String name) {
    @Nullable String folder = System.getProperty("pictures");
    if (folder != null && !folder.isEmpty()) {
      page.screenshot(new Page.ScreenshotOptions().setPath(Path.of(folder, name + ".png")));
    }
  }

  @Test
  void a_wrong_key_is_refused_and_a_right_one_leads_to_the_page_that_was_asked_for() {
    page.navigate(service.url() + "/console/tasks?q=status:failed");
    accessible("sign in");
    picture("sign-in");
    page.locator("#key").fill("sk-wrong");
    page.locator("button.primary").click();
    assertThat(page.locator("#fault")).containsText("unknown, expired or revoked");
    page.locator("#key").fill(TrackerStack.API_KEY);
    page.locator("button.primary").click();
    assertThat(page.locator("#q")).hasValue("status:failed");
  }

  @Test
  void a_task_finishes_before_its_readers_eyes_and_plays() throws Exception {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(1_000, 4_000)).times(1));
    signIn();
    String task = submit();
    openTask(task);
    assertThat(page.locator("h1 .status")).not().hasText("succeed");
    awaitStatus("succeed");

    Locator video = page.locator("video");
    assertThat(video).hasCount(1);
    video.evaluate("v => { v.muted = true; return v.play().then(() => v.pause()); }");
    assertTrue((Boolean) video.evaluate("v => v.error === null && v.videoWidth > 0"));
    assertTrue(page.locator(".mark.applied").count() > 3);
    accessible("a task");
    picture("task");
    page.locator(".tabs a", new Page.LocatorOptions().setHasText("request")).click();
    assertThat(page.locator("tr.differs")).not().hasCount(0);
    accessible("its request");
    picture("request");
    for (String tab : List.of("callbacks", "deliveries", "events")) {
      page.locator(".tabs a", new Page.LocatorOptions().setHasText(tab)).click();
      assertThat(page.locator(".tabs [aria-current]")).hasText(tab);
      accessible(tab);
    }
  }

  @Test
  void new_tasks_are_counted_and_rows_change_in_place() throws Exception {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderTakes(1_000, 4_000)).times(1));
    submit();
    signIn();
    String first = page.locator("tbody tr").first().getAttribute("id");
    assertThat(page.locator("#" + first + " .status"))
        .hasText("succeed", new LocatorAssertions.HasTextOptions().setTimeout(30_000));
    submit();
    assertThat(page.locator("#news")).hasText("1 new");
    assertEquals(first, page.locator("tbody tr").first().getAttribute("id"));
    page.locator("#news").click();
    assertThat(page.locator("tbody tr").first()).not().hasAttribute("id", first);
    accessible("tasks");
    picture("tasks");
  }

  @Test
  void everything_is_reached_by_keys() throws Exception {
    String task = submit();
    signIn();
    page.keyboard().press("/");
    assertThat(page.locator("#q")).isFocused();
    page.keyboard().type(task);
    page.keyboard().press("Enter");
    assertThat(page.locator("h1 .id")).hasText(task);
    page.waitForLoadState();
    page.keyboard().press("?");
    assertThat(page.locator("#keys")).isVisible();
    page.keyboard().press("Escape");
    assertThat(page.locator("#keys")).isHidden();
    page.keyboard().press("g");
    page.keyboard().press("t");
    assertThat(page.locator("h1")).hasText("Tasks");
    page.waitForLoadState();
    page.keyboard().press("j");
    page.keyboard().press("Enter");
    assertThat(page.locator("h1 .id")).isVisible();
  }

  @Test
  void nothing_that_others_wrote_is_run() throws Exception {
    TrackerStack.simulator()
        .fault(FaultRule.on(Operation.RENDER, new Fault.RenderFails(EVIL)).times(1));
    String task =
        submit(
            JSON.writeValueAsString(
                Map.of(
                    "model_name",
                    "kling-v3",
                    "prompt",
                    EVIL,
                    "external_task_id",
                    EVIL.replace("/", "") + UUID.randomUUID(),
                    EVIL,
                    EVIL)));
    signIn();
    openTask(task);
    awaitStatus("failed");
    for (String tab : List.of("request", "callbacks", "deliveries", "events")) {
      page.navigate(service.url() + "/console/tasks/" + task + "/" + tab);
      assertThat(page.locator("h1 .id")).hasText(task);
    }
    page.navigate(
        service.url() + "/console/tasks?q=" + URLEncoder.encode(EVIL, StandardCharsets.UTF_8));
    assertThat(page.locator("h1")).hasText("Tasks");
    assertEquals(0, page.locator("main script, main img[src=x]").count());
  }

  @Test
  void small_and_dark_everything_fits() throws Exception {
    String task = submit();
    open(NARROW, ColorScheme.DARK);
    signIn();
    fits("tasks");
    accessible("tasks, small and dark");
    picture("tasks-small-dark");
    openTask(task);
    awaitStatus("succeed");
    for (String tab : List.of("", "/request", "/callbacks", "/deliveries", "/events")) {
      page.navigate(service.url() + "/console/tasks/" + task + tab);
      fits("a task" + tab);
      accessible("a task" + tab + ", small and dark");
    }
    page.navigate(service.url() + "/console/tasks/" + task);
    picture("task-small-dark");
  }

  @Test
  void another_replica_knows_the_session_and_its_end() {
    signIn();
    page.navigate(other.url() + "/console/tasks");
    assertThat(page.locator("h1")).hasText("Tasks");
    page.locator("form[action='/console/sign-out'] button").click();
    assertThat(page.locator("#key")).isVisible();
    page.navigate(other.url() + "/console/tasks");
    assertThat(page.locator("#key")).isVisible();
  }
}
