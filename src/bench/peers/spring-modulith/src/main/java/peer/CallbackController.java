package peer;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@RestController
class CallbackController {

  private final Tasks tasks;
  private final JsonMapper json;
  private final byte[] tokenKey;
  private final byte[] webhookKey;

  CallbackController(
      Tasks tasks,
      JsonMapper json,
      @Value("${PEER_TOKEN_KEY}") String tokenKey,
      @Value("${PEER_WEBHOOK_KEY}") String webhookKey) {
    this.tasks = tasks;
    this.json = json;
    this.tokenKey = HexFormat.of().parseHex(tokenKey);
    this.webhookKey = HexFormat.of().parseHex(webhookKey);
  }

  @PostMapping("/callbacks/kling/{task}/{token}")
  ResponseEntity<Map<String, Object>> take(
      @PathVariable String task,
      @PathVariable String token,
      @RequestHeader("webhook-id") String id,
      @RequestHeader("webhook-timestamp") String time,
      @RequestHeader("webhook-signature") String signature,
      @RequestBody byte[] body)
      throws GeneralSecurityException {
    byte[] right = hmac(tokenKey, task.getBytes(StandardCharsets.UTF_8));
    byte[] head = (id + "." + time + ".").getBytes(StandardCharsets.UTF_8);
    byte[] signed = Arrays.copyOf(head, head.length + body.length);
    System.arraycopy(body, 0, signed, head.length, body.length);
    boolean authentic =
        same(
                token,
                Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOf(right, 24)))
            && same(
                signature, "v1," + Base64.getEncoder().encodeToString(hmac(webhookKey, signed)));
    if (!authentic) {
      return ResponseEntity.status(401).body(Map.of("code", 1000, "message", "not authentic"));
    }
    JsonNode said = json.readTree(body);
    String status = said.path("task_status").asString();
    tasks.move(
        task, status, status.equals("processing") ? 2 : 3, said.path("task_result").toString());
    return ResponseEntity.ok(Map.of("code", 0, "message", "ok"));
  }

  private static boolean same(String left, String right) {
    return MessageDigest.isEqual(
        left.getBytes(StandardCharsets.UTF_8), right.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] hmac(byte[] key, byte[] text) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text);
  }
}
