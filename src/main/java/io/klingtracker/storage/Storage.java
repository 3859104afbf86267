package io.klingtracker.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.regex.Pattern;

/**
 * Objects by name, each written whole or not at all. Names are words of letters, digits, {@code .},
 * {@code _} and {@code -} between slashes, none beginning with a dot: {@code acme/task_1/0.mp4}.
 * All methods block, and may be called by many threads.
 */
public interface Storage {

  /** What a name must match. */
  Pattern NAME = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*");

  /** A file of this machine that holds an object, and nothing else. */
  record StoredFile(Path path) {}

  /**
   * Keeps what a stream gives until its end, under a name that is replaced if it is in use; durable
   * when this returns. Holds a bounded number of bytes in memory.
   *
   * @throws IOException when the stream fails or the object cannot be kept; then nothing of it is
   *     left under that name
   */
  void put(String name, InputStream content) throws IOException;

  /**
   * Reads an object.
   *
   * @throws java.nio.file.NoSuchFileException when there is none of this name
   */
  InputStream get(String name) throws IOException;

  /** The file that holds an object, there or not. */
  StoredFile file(String name);

  /** Removes an object; one that is not there is removed already. */
  void delete(String name) throws IOException;

  /**
   * Removes what was begun and never ended, by processes that were killed.
   *
   * @param before what was written to last before this
   * @return how many
   */
  int deleteLeft(Instant before) throws IOException;

  /**
   * Tries whether objects can be kept.
   *
   * @throws IOException when they cannot; the message says why, without the place
   */
  void check() throws IOException;

  /**
   * The storage behind a URL.
   *
   * @param url {@code file:///absolute/folder}
   * @throws IllegalArgumentException when it is none; the message completes "the setting …"
   */
  static Storage of(String url) {
    return new FolderStorage(FolderStorage.folder(url));
  }
}
