package io.klingtracker.storage;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Files below a folder, written in a folder of their own and moved to their place once they are on
 * the disk.
 */
final class FolderStorage implements Storage {

  private static final int CHUNK = 64 * 1024;
  private static final int MOVES = 3;

  /** No object's name begins with a dot. */
  private static final String PARTS = ".parts";

  private final Path root;

  FolderStorage(Path root) {
    this.root = root;
  }

  /**
   * The folder of a URL.
   *
   * @throws IllegalArgumentException when it names none of this machine
   */
  static Path folder(String url) {
    try {
      URI uri = URI.create(url);
      if ("file".equals(uri.getScheme()) && uri.getPath() != null && uri.getPath().length() > 1) {
        return Path.of(uri);
      }
    } catch (IllegalArgumentException e) {
      // Said below, with what is expected.
    }
    throw new IllegalArgumentException(
        "must be the URL of a folder or bucket, such as file:///var/lib/results or s3://results/tracker");
  }

  @Override
  public void put(String name, InputStream content) throws IOException {
    Path place = path(name);
    Path part = part();
    try {
      write(part, content);
      move(part, place);
    } finally {
      Files.deleteIfExists(part);
    }
    for (Path folder = place.getParent();
        folder != null && folder.startsWith(root);
        folder = folder.getParent()) {
      sync(folder);
    }
  }

  private static void move(Path part, Path place) throws IOException {
    for (int tries = 1; ; tries++) {
      Files.createDirectories(place.getParent());
      try {
        Files.move(
            part, place, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return;
      } catch (NoSuchFileException e) {
        // Whoever deleted its last neighbour took the empty folder.
        if (tries == MOVES) {
          throw e;
        }
      }
    }
  }

  /** All in one folder, where those are found that a process has left that was killed. */
  private Path part() throws IOException {
    Path parts = Files.createDirectories(root.resolve(PARTS));
    return parts.resolve(HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
  }

  private static void write(Path part, InputStream content) throws IOException {
    try (FileChannel file =
        FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      byte[] chunk = new byte[CHUNK];
      for (int read = content.read(chunk); read >= 0; read = content.read(chunk)) {
        ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, read);
        while (bytes.hasRemaining()) {
          file.write(bytes);
        }
      }
      file.force(true);
    }
  }

  /** A file is durable once its name is. */
  private static void sync(Path folder) throws IOException {
    try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
      names.force(true);
    } catch (AccessDeniedException e) {
      // Where a folder cannot be opened, as on Windows, its names are written with it.
      return;
    }
  }

  @Override
  public int deleteLeft(Instant before) throws IOException {
    int deleted = 0;
    Path parts = root.resolve(PARTS);
    if (Files.isDirectory(parts)) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(parts)) {
        for (Path part : all) {
          if (Files.getLastModifiedTime(part).toInstant().isBefore(before)
              && Files.deleteIfExists(part)) {
            deleted++;
          }
        }
      }
    }
    return deleted;
  }

  @Override
  public InputStream get(String name) throws IOException {
    return Files.newInputStream(path(name));
  }

  @Override
  public Place place(String name, Duration life) {
    return new StoredFile(path(name));
  }

  @Override
  public void delete(String name) throws IOException {
    Path place = path(name);
    Files.deleteIfExists(place);
    for (Path folder = place.getParent();
        folder != null && !folder.equals(root);
        folder = folder.getParent()) {
      try {
        Files.deleteIfExists(folder);
      } catch (DirectoryNotEmptyException e) {
        return;
      }
    }
  }

  @Override
  public void check() throws IOException {
    try {
      Path probe = part();
      Files.write(probe, new byte[] {1});
      Files.delete(probe);
    } catch (IOException e) {
      throw new IOException("the folder cannot be written", e);
    }
  }

  private Path path(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException("'" + name + "' cannot name an object");
    }
    return root.resolve(name);
  }
}
