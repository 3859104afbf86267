package io.klingtracker.storage;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
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

  /** Where an object is had. */
  sealed interface Place {}

  /** A file of this machine that holds an object, and nothing else; there or not. */
  record StoredFile(Path path) implements Place {}

  /** A URL that anybody can use who has it, for a time. */
  record Link(URI url) implements Place {}

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

  /**
   * Where an object is had, be it there or not. Asks nobody.
   *
   * @param life of a link
   */
  Place place(String name, Duration life);

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
   * @param url {@code file:///absolute/folder} or {@code s3://bucket/prefix}
   * @param config of buckets
   * @throws IllegalArgumentException when it is none; the message completes "the setting …"
   */
  static Storage of(String url, StorageConfig config) {
    return url.startsWith("s3:")
        ? new S3Storage(url, config)
        : new FolderStorage(FolderStorage.folder(url));
  }
}
