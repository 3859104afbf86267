package io.klingtracker.console;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Hashes;
import io.klingtracker.tenant.Open;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Style sheet, scripts and icon, below the console's own path: whatever hides the console hides
 * them, and no other host is needed.
 */
@Path("/console/assets")
public class AssetResource {

  private static final String LIBRARIES = "/META-INF/resources/webjars/";

  private static final Map<String, Asset> ASSETS =
      Map.of(
          "console.css", Asset.of("/console/console.css", "text/css;charset=utf-8"),
          "console.js", Asset.of("/console/console.js", "text/javascript;charset=utf-8"),
          "icon.svg", Asset.of("/console/icon.svg", "image/svg+xml"),
          "htmx.js",
              Asset.of(
                  LIBRARIES + "htmx.org/2.0.8/dist/htmx.min.js", "text/javascript;charset=utf-8"),
          "sse.js",
              Asset.of(LIBRARIES + "htmx-ext-sse/2.2.2/sse.js", "text/javascript;charset=utf-8"));

  /** A file, in memory. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Asset(byte[] bytes, String type, String tag) {

    static Asset of(String resource, String type) {
      try (InputStream in =
          Objects.requireNonNull(AssetResource.class.getResourceAsStream(resource), resource)) {
        byte[] bytes = in.readAllBytes();
        return new Asset(
            bytes, type, "\"" + HexFormat.of().formatHex(Hashes.sha256(bytes), 0, 16) + "\"");
      } catch (IOException e) {
        throw new UncheckedIOException(resource + " cannot be read", e);
      }
    }
  }

  /** One of them, as long as the browser does not have it already. */
  @GET
  @Open
  @Path("/{name}")
  public Response get(
      @PathParam("name") String name, @HeaderParam("If-None-Match") @Nullable String known) {
    Asset asset = ASSETS.get(name);
    if (asset == null) {
      throw new ProblemException(ErrorCode.NOT_FOUND, "there is nothing here");
    }
    Response.ResponseBuilder answer =
        asset.tag().equals(known)
            ? Response.notModified()
            : Response.ok(asset.bytes()).type(asset.type());
    return answer.header("ETag", asset.tag()).header("Cache-Control", "no-cache").build();
  }
}
