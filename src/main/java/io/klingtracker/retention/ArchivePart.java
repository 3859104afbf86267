package io.klingtracker.retention;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.GZIPOutputStream;

/** Lines that are gathered, compressed, in a file of the machine's own, before they are kept. */
final class ArchivePart implements AutoCloseable {

  private static final int BUFFER = 64 * 1024;

  private final Path spool;
  private final MessageDigest digest;
  private final OutputStream lines;
  private int count;

  ArchivePart() throws IOException {
    spool = Files.createTempFile("archive-", ".ndjson.gz");
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256 is part of every JDK", e);
    }
    lines =
        new GZIPOutputStream(new DigestOutputStream(Files.newOutputStream(spool), digest), BUFFER);
  }

  /** Adds one; it has no line end. */
  void add(byte[] line) throws IOException {
    lines.write(line);
    lines.write("\n".getBytes(StandardCharsets.US_ASCII));
    count++;
  }

  /** How many there are. */
  int count() {
    return count;
  }

  /** Ends it; to be called once, before what follows. */
  void finish() throws IOException {
    lines.close();
  }

  long bytes() throws IOException {
    return Files.size(spool);
  }

  byte[] sha256() {
    return digest.digest();
  }

  InputStream content() throws IOException {
    return Files.newInputStream(spool);
  }

  @Override
  public void close() throws IOException {
    try {
      lines.close();
    } finally {
      Files.deleteIfExists(spool);
    }
  }
}
