package io.klingtracker.custody;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What a file is by its first bytes; what a server says of it counts for nothing. */
enum MediaType {
  MP4("video/mp4", "mp4"),
  QUICKTIME("video/quicktime", "mov"),
  WEBM("video/webm", "webm"),
  PNG("image/png", "png"),
  JPEG("image/jpeg", "jpg"),
  GIF("image/gif", "gif"),
  WEBP("image/webp", "webp"),
  WAV("audio/wav", "wav"),
  OGG("audio/ogg", "ogg"),
  MP3("audio/mpeg", "mp3"),
  AAC("audio/aac", "aac"),
  GLB("model/gltf-binary", "glb");

  /** So many bytes decide. */
  static final int BYTES = 16;

  private final String wireName;
  private final String extension;

  MediaType(String wireName, String extension) {
    this.wireName = wireName;
    this.extension = extension;
  }

  /** As in {@code Content-Type}. */
  String wireName() {
    return wireName;
  }

  /** Of a file's name, without the dot. */
  String extension() {
    return extension;
  }

  /** The type of what begins so; null when it is none that Kling makes. */
  static @Nullable MediaType of(byte[] first) {
    if (is(first, 4, "ftyp")) {
      return is(first, 8, "qt  ") ? QUICKTIME : MP4;
    }
    if (is(first, 0, "RIFF")) {
      return is(first, 8, "WEBP") ? WEBP : is(first, 8, "WAVE") ? WAV : null;
    }
    if (is(first, 0, 0x1A, 0x45, 0xDF, 0xA3)) {
      return WEBM;
    }
    if (is(first, 0, 0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A)) {
      return PNG;
    }
    if (is(first, 0, 0xFF, 0xD8, 0xFF)) {
      return JPEG;
    }
    if (is(first, 0, "GIF8")) {
      return GIF;
    }
    if (is(first, 0, "OggS")) {
      return OGG;
    }
    if (is(first, 0, "glTF")) {
      return GLB;
    }
    return is(first, 0, "ID3") ? MP3 : sound(first);
  }

  /** Eleven bits begin each frame; its layer is 0 in AAC, and never in MP3. */
  private static @Nullable MediaType sound(byte[] first) {
    if (first.length < 2 || first[0] != (byte) 0xFF || (first[1] & 0xE0) != 0xE0) {
      return null;
    }
    return (first[1] & 0x06) != 0 ? MP3 : (first[1] & 0xF0) == 0xF0 ? AAC : null;
  }

  private static boolean is(byte[] bytes, int at, String text) {
    byte[] wanted = text.getBytes(StandardCharsets.US_ASCII);
    return bytes.length >= at + wanted.length
        && Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length);
  }

  private static boolean is(byte[] bytes, int at, int... wanted) {
    if (bytes.length < at + wanted.length) {
      return false;
    }
    for (int i = 0; i < wanted.length; i++) {
      if (bytes[at + i] != (byte) wanted[i]) {
        return false;
      }
    }
    return true;
  }
}
