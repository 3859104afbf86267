package io.klingtracker.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordingFile;

/**
 * Where the processors' time goes under a load, to tell what bounds a figure: by process from
 * {@code /proc}, and within the service by samples of the Flight Recorder. Taken after the rounds
 * that count, which it does not touch.
 */
final class Profile {

  private static final int SHOWN = 6;
  private static final String RECORDING = "bench";

  private final Bench bench;
  private final String what;
  private final Service service;
  private double own;
  private double theirs;
  private double ours;
  private long start;

  private Profile(Bench bench, String what, Service service) {
    this.bench = bench;
    this.what = what;
    this.service = service;
  }

  /**
   * Loads the service once more and notes what it, PostgreSQL and the bench did meanwhile.
   *
   * @param what the load in a word, also the name of the recording's file
   * @param load runs the load; gives its rate a second
   */
  static void take(Bench bench, String what, Service service, Supplier<Double> load) {
    Optional<Profile> profile = begin(bench, what, service);
    if (profile.isPresent()) {
      profile.get().end(load.get());
    }
  }

  /** Begins to record; empty, with a note, where the service's JVM does not. */
  static Optional<Profile> begin(Bench bench, String what, Service service) {
    if (!jcmd(bench, service, "JFR.start", "name=" + RECORDING, "settings=profile")) {
      bench.report().note("No profile of " + what + ": this JVM takes no recording.");
      return Optional.empty();
    }
    Profile profile = new Profile(bench, what, service);
    profile.count();
    return Optional.of(profile);
  }

  /** Counts processor time from now on, and not from the beginning. */
  void count() {
    own = Meter.seconds(ProcessHandle.current());
    theirs = Meter.postgres(bench);
    ours = Meter.seconds(service.process());
    start = System.nanoTime();
  }

  /** Notes what was done since it counts; the load's rate is a second's. */
  void end(double rate) {
    double seconds = (System.nanoTime() - start) / 1e9;
    double spentOurs = (Meter.seconds(service.process()) - ours) / seconds;
    double spentTheirs = (Meter.postgres(bench) - theirs) / seconds;
    double spentOwn = (Meter.seconds(ProcessHandle.current()) - own) / seconds;
    Path file = file(bench, what);
    jcmd(bench, service, "JFR.stop", "name=" + RECORDING, "filename=" + file);
    bench
        .report()
        .note(
            String.format(
                Locale.ROOT,
                "Profile of %s at %s/s: of %d cores the service used %.2f, PostgreSQL %.2f, loader, broker and"
                    + " consumers %.2f. %s",
                what,
                Spread.number(rate),
                Runtime.getRuntime().availableProcessors(),
                spentOurs,
                spentTheirs,
                spentOwn,
                samples(file)));
  }

  /** Where a recording is left. */
  static Path file(Bench bench, String what) {
    return bench.options().directory().resolve("profile-" + what + ".jfr");
  }

  /** Shares of the service's samples, by thread and by whose code was on top. */
  static String samples(Path file) {
    Map<String, Integer> threads = new HashMap<>();
    Map<String, Integer> code = new HashMap<>();
    int all = 0;
    try (RecordingFile recording = new RecordingFile(file)) {
      while (recording.hasMoreEvents()) {
        RecordedEvent event = recording.readEvent();
        if (event.getEventType().getName().equals("jdk.ExecutionSample")
            && event.getStackTrace() != null) {
          all++;
          threads.merge(thread(event), 1, Integer::sum);
          code.merge(owner(event.getStackTrace().getFrames()), 1, Integer::sum);
        }
      }
    } catch (IOException e) {
      return "No samples: " + e.getMessage();
    }
    return "Its %,d samples by thread: %s; by code: %s."
        .formatted(all, shares(threads, all), shares(code, all));
  }

  private static String thread(RecordedEvent event) {
    String name = event.getThread("sampledThread").getJavaName();
    return name == null
        ? "the JVM's own"
        : name.replaceAll("[ -]?[0-9a-f]{8}-[0-9a-f-]+", "").replaceAll("[-_ ]?\\d+", "");
  }

  /** The library whose code ran, or which had called the JDK. */
  private static String owner(List<RecordedFrame> frames) {
    for (RecordedFrame frame : frames) {
      String name = frame.getMethod().getType().getName();
      if (!name.matches("(java|javax|jdk|sun|com\\.sun)\\..*")) {
        return name.replaceAll("^((?:[a-z0-9_]+\\.){1,2}[a-z0-9_]+).*", "$1");
      }
    }
    return "JDK";
  }

  private static String shares(Map<String, Integer> counts, int all) {
    return counts.entrySet().stream()
        .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
        .limit(SHOWN)
        .map(
            entry ->
                "%s %d %%".formatted(entry.getKey(), Math.round(100.0 * entry.getValue() / all)))
        .collect(Collectors.joining(", "));
  }

  private static boolean jcmd(Bench bench, Service service, String... words) {
    Path tool = bench.options().java().resolveSibling("jcmd");
    List<String> command = new ArrayList<>();
    command.add(tool.toString());
    command.add(Long.toString(service.pid()));
    command.addAll(List.of(words));
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
