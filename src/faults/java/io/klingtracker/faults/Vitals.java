package io.klingtracker.faults;

import io.klingtracker.local.ServiceProcess;
import java.util.Locale;

/** What the service's processes hold, looked at twice a second; the most of each is kept. */
final class Vitals implements AutoCloseable {

  private static final long PAUSE_MILLIS = 500;

  private final Installation installation;
  private final Thread thread;
  private volatile boolean stopped;
  private volatile long resident;
  private volatile long threads;
  private volatile long files;

  Vitals(Installation installation) {
    this.installation = installation;
    thread = new Thread(this::run, "vitals");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    while (!stopped) {
      for (ServiceProcess replica : installation.replicas()) {
        if (replica.isAlive()) {
          resident = Math.max(resident, replica.residentMebibytes());
          threads = Math.max(threads, replica.threads());
          files = Math.max(files, replica.openFiles());
        }
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Most resident memory of one replica, MiB. */
  long resident() {
    return resident;
  }

  /** Most threads of one replica. */
  long threads() {
    return threads;
  }

  /** Most open files of one replica, connections among them. */
  long files() {
    return files;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "at most %d MiB resident, %d threads, %d open files",
        resident,
        threads,
        files);
  }

  @Override
  public void close() {
    stopped = true;
    thread.interrupt();
  }
}
