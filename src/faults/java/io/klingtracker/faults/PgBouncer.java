package io.klingtracker.faults;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.klingtracker.local.Directories;
import io.klingtracker.local.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Debian's PgBouncer before a server of this run, as it comes: start-up options are refused. */
final class PgBouncer implements AutoCloseable {

  private static final Path PROGRAM = Path.of("/usr/sbin/pgbouncer");
  private static final int TRIES = 200;

  private final int port = FreePort.find();
  private final Path home;
  private final Process process;

  /**
   * Starts one.
   *
   * @param server port of PostgreSQL
   * @param mode {@code session} or {@code transaction}
   */
  PgBouncer(int server, String mode) throws Exception {
    home =
        Path.of(
            DebianPostgres.run(
                    DebianPostgres.asServer("mktemp", "-d", "-t", "field-bouncer-XXXXXX"))
                .strip());
    Path settings = home.resolve("pgbouncer.ini");
    Files.writeString(
        settings,
        """
        [databases]
        * = host=127.0.0.1 port=%d
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = %d
        unix_socket_dir =
        auth_type = any
        pool_mode = %s
        default_pool_size = 30
        max_client_conn = 200
        """
            .formatted(server, port, mode)
            .replace("* = host=127.0.0.1", "* = user=" + DebianPostgres.USER + " host=127.0.0.1"));
    process =
        new ProcessBuilder(DebianPostgres.asServer(PROGRAM.toString(), settings.toString()))
            .redirectErrorStream(true)
            .redirectOutput(home.resolve("log").toFile())
            .start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    await();
  }

  /** Skips the calling test, with a printed word, where it is not installed. */
  static void require() {
    boolean there = Files.isExecutable(PROGRAM);
    if (!there) {
      System.out.println("-- skipped: Debian's pgbouncer is not installed");
    }
    assumeTrue(there, "Debian's pgbouncer is not installed");
  }

  private void await() throws IOException {
    for (int i = 0; i < TRIES && process.isAlive(); i++) {
      try (Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), port)) {
        return;
      } catch (IOException notYet) {
        LockSupport.parkNanos(50_000_000);
      }
    }
    throw new IllegalStateException("no pgbouncer: " + Files.readString(home.resolve("log")));
  }

  /** URL of one database, without user. */
  String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
      Directories.delete(home);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
