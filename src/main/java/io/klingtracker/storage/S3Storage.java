package io.klingtracker.storage;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/**
 * Objects of a bucket. What is larger than a part is sent in parts, each of which is tried again by
 * itself, and is there when the last one is; encryption is the bucket's setting.
 */
final class S3Storage implements Storage {

  /** The smallest part that S3 takes; as much of each object is in memory. */
  static final int PART = 5 << 20;

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration SILENCE = Duration.ofSeconds(30);

  /** Of one request, its tries together; under what a transaction may be idle for. */
  private static final Duration CALL = Duration.ofSeconds(25);

  private static final Pattern URL =
      Pattern.compile("s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9._/-]*))?");

  private final String bucket;
  private final String prefix;
  private final S3Client client;
  private final S3Presigner presigner;

  /**
   * A bucket.
   *
   * @param url {@code s3://bucket/prefix}
   * @throws IllegalArgumentException when it is none, or the credentials are half
   */
  S3Storage(String url, StorageConfig config) {
    Matcher parts = URL.matcher(url);
    if (!parts.matches()) {
      throw new IllegalArgumentException("must name a bucket, such as s3://results/tracker");
    }
    bucket = parts.group(1);
    String path = parts.group(2) == null ? "" : parts.group(2).replaceAll("^/+|/+$", "");
    if (!path.isEmpty() && !NAME.matcher(path).matches()) {
      throw new IllegalArgumentException("must have a prefix of plain words between slashes");
    }
    prefix = path.isEmpty() ? "" : path + "/";
    AwsCredentialsProvider credentials = credentials(config);
    Region region = Region.of(config.region());
    S3Configuration style =
        S3Configuration.builder().pathStyleAccessEnabled(config.pathStyle()).build();
    client =
        S3Client.builder()
            .httpClientBuilder(
                UrlConnectionHttpClient.builder().connectionTimeout(CONNECT).socketTimeout(SILENCE))
            .overrideConfiguration(o -> o.apiCallTimeout(CALL))
            .region(region)
            .credentialsProvider(credentials)
            .serviceConfiguration(style)
            // Services beside Amazon's do not know its newer checksums.
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .applyMutation(b -> config.endpoint().ifPresent(b::endpointOverride))
            .build();
    S3Presigner.Builder signing =
        S3Presigner.builder()
            .region(region)
            .credentialsProvider(credentials)
            .serviceConfiguration(style);
    config.endpoint().ifPresent(signing::endpointOverride);
    presigner = signing.build();
  }

  private static AwsCredentialsProvider credentials(StorageConfig config) {
    if (config.accessKey().isPresent() != config.secretKey().isPresent()) {
      throw new IllegalArgumentException(
          "needs tracker.custody.access-key and .secret-key, both or neither");
    }
    return config.accessKey().isPresent()
        ? StaticCredentialsProvider.create(
            AwsBasicCredentials.create(config.accessKey().get(), config.secretKey().orElseThrow()))
        : DefaultCredentialsProvider.builder().build();
  }

  @Override
  public void put(String name, InputStream content) throws IOException {
    String key = key(name);
    byte[] part = content.readNBytes(PART);
    if (part.length < PART) {
      call(() -> client.putObject(r -> r.bucket(bucket).key(key), RequestBody.fromBytes(part)));
      return;
    }
    String upload =
        call(() -> client.createMultipartUpload(r -> r.bucket(bucket).key(key))).uploadId();
    try {
      List<CompletedPart> done = send(key, upload, part, content);
      call(
          () ->
              client.completeMultipartUpload(
                  r ->
                      r.bucket(bucket)
                          .key(key)
                          .uploadId(upload)
                          .multipartUpload(m -> m.parts(done))));
    } catch (IOException | RuntimeException e) {
      abort(key, upload, e);
      throw e;
    }
  }

  private List<CompletedPart> send(String key, String upload, byte[] first, InputStream content)
      throws IOException {
    List<CompletedPart> done = new ArrayList<>();
    byte[] buffer = first;
    int length = first.length;
    for (int number = 1; length > 0; number++) {
      int which = number;
      byte[] bytes = length == buffer.length ? buffer : Arrays.copyOf(buffer, length);
      String tag =
          call(() ->
                  client.uploadPart(
                      r -> r.bucket(bucket).key(key).uploadId(upload).partNumber(which),
                      RequestBody.fromByteBuffer(java.nio.ByteBuffer.wrap(bytes))))
              .eTag();
      done.add(CompletedPart.builder().partNumber(which).eTag(tag).build());
      length = content.readNBytes(buffer, 0, buffer.length);
    }
    return done;
  }

  private void abort(String key, String upload, Exception failure) {
    try {
      call(() -> client.abortMultipartUpload(r -> r.bucket(bucket).key(key).uploadId(upload)));
    } catch (IOException e) {
      // Found by deleteLeft.
      failure.addSuppressed(e);
    }
  }

  @Override
  public InputStream get(String name) throws IOException {
    try {
      return call(() -> client.getObject(r -> r.bucket(bucket).key(key(name))));
    } catch (IOException e) {
      if (e.getCause() instanceof NoSuchKeyException) {
        throw new NoSuchFileException(name);
      }
      throw e;
    }
  }

  @Override
  public Place place(String name, Duration life) {
    return new Link(
        URI.create(
            presigner
                .presignGetObject(
                    r ->
                        r.signatureDuration(life)
                            .getObjectRequest(g -> g.bucket(bucket).key(key(name))))
                .url()
                .toString()));
  }

  @Override
  public void delete(String name) throws IOException {
    call(() -> client.deleteObject(r -> r.bucket(bucket).key(key(name))));
  }

  @Override
  public int deleteLeft(Instant before) throws IOException {
    int deleted = 0;
    List<MultipartUpload> uploads =
        call(() -> client.listMultipartUploads(r -> r.bucket(bucket).prefix(prefix))).uploads();
    for (MultipartUpload upload : uploads) {
      if (upload.initiated() != null && upload.initiated().isBefore(before)) {
        call(
            () ->
                client.abortMultipartUpload(
                    r -> r.bucket(bucket).key(upload.key()).uploadId(upload.uploadId())));
        deleted++;
      }
    }
    return deleted;
  }

  /** Nothing is asked: a bucket that is away for a moment keeps nobody from starting. */
  @Override
  public void check() {}

  private String key(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException("'" + name + "' cannot name an object");
    }
    return prefix + name;
  }

  /** A request to the bucket. */
  private interface Request<T> {
    T send();
  }

  private static <T> T call(Request<T> request) throws IOException {
    try {
      return request.send();
    } catch (SdkException e) {
      throw new IOException("the bucket: " + e.getMessage(), e);
    }
  }
}
