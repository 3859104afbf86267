package io.klingtracker.local;

import io.klingtracker.start.StartupCheck;
import io.klingtracker.tenant.ConsoleConfig;
import io.klingtracker.tenant.ConsoleSessions;
import io.quarkus.arc.Arc;
import io.quarkus.runtime.Application;
import io.quarkus.runtime.ApplicationLifecycleManager;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** {@code mvn -Plocal}: everything in one process; Ctrl-C stops it. */
public final class LocalMain implements QuarkusApplication {

  private static volatile @Nullable LocalStack stack;

  /** Starts the parts, then the service. */
  public static void main(String[] args) {
    LocalStack starting;
    try {
      starting = new LocalStack(LocalSettings.ofProcess());
      stopWithMaven();
      Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(starting), "local-stop"));
      starting.start();
    } catch (LocalProblem problem) {
      System.err.println(problem.line());
      System.exit(1);
      return;
    }
    stack = starting;
    starting.config().forEach(System::setProperty);
    StartupCheck.orExit();
    Quarkus.run(LocalMain.class, LocalMain::end, args);
  }

  /** Run by Quarkus when the service is ready; ends when the service does. */
  @Override
  public int run(String... args) {
    LocalStack running = stack;
    if (running != null) {
      System.out.println(welcome(running));
    }
    Quarkus.waitForExit();
    return 0;
  }

  private static void end(Integer code, @Nullable Throwable cause) {
    if (cause != null) {
      Throwable root = cause;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      String message = String.valueOf(root.getMessage());
      System.err.println(
          message.startsWith("Kling Task Tracker cannot start: ")
              ? message
              : "The service cannot start: " + message);
    }
    System.exit(code);
  }

  /** A shutdown hook runs beside Quarkus's own: the service goes first, what it uses after it. */
  private static void stop(LocalStack stopping) {
    Application service = ApplicationLifecycleManager.getCurrentApplication();
    if (service != null) {
      service.awaitShutdown();
    }
    if (stopping.close()) {
      System.out.println("Stopped.");
    }
  }

  /** Maven killed is no longer there to stop us; a server nobody can see would be left over. */
  private static void stopWithMaven() {
    ProcessHandle.current()
        .parent()
        .filter(parent -> parent.info().commandLine().orElse("").contains("plexus-classworlds"))
        .ifPresent(
            maven ->
                maven
                    .onExit()
                    .thenAccept(gone -> new Thread(() -> System.exit(0), "maven-is-gone").start()));
  }

  /** A link that signs in by one click on this machine, where there is a console. */
  private static Optional<String> console(String url) {
    return Arc.container().instance(ConsoleConfig.class).get().enabled()
        ? Optional.of(
            url
                + "/console/once/"
                + Arc.container()
                    .instance(ConsoleSessions.class)
                    .get()
                    .oneTimeToken(LocalSettings.API_KEY))
        : Optional.empty();
  }

  private static String welcome(LocalStack running) {
    String url = running.serviceUrl();
    String id =
        "demo-"
            + DateTimeFormatter.ofPattern("yyMMdd-HHmmss")
                .format(LocalDateTime.now(ZoneId.systemDefault()));
    String key = "-H 'Authorization: Bearer " + LocalSettings.API_KEY + "'";
    StringBuilder text = new StringBuilder();
    text.append("\nKling Task Tracker is ready on ").append(url).append("\n\n");
    console(url)
        .ifPresent(
            link ->
                text.append("  Console     ")
                    .append(link)
                    .append(" (signs in once; later with the API key or the admin key)\n"));
    text.append("  Service     ")
        .append(url)
        .append(", API key ")
        .append(LocalSettings.API_KEY)
        .append(", admin key ")
        .append(LocalSettings.ADMIN_KEY)
        .append('\n');
    running.parts().forEach(part -> text.append("  ").append(part).append('\n'));
    text.append("\nSubmit a task, ask for it, see what happened to it:\n\n")
        .append("curl -s -X POST ")
        .append(url)
        .append("/kling/v1/videos/text2video ")
        .append(key)
        .append(" -H 'Content-Type: application/json' -H 'Idempotency-Key: ")
        .append(id)
        .append("' -d '{\"model_name\":\"kling-v3\",\"prompt\":\"A red kite over the sea\",")
        .append("\"external_task_id\":\"")
        .append(id)
        .append("\"}'\n")
        .append("curl -s ")
        .append(url)
        .append("/kling/v1/videos/text2video/")
        .append(id)
        .append(' ')
        .append(key)
        .append('\n')
        .append("curl -s ")
        .append(url)
        .append("/v1/tasks/")
        .append(id)
        .append("/timeline ")
        .append(key)
        .append("\n\nCtrl-C stops everything; the data stays.");
    return text.toString();
  }
}
