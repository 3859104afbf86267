package io.klingtracker.story;

import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Sessions, voices, elements, videos and sounds are their maker's. */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
class MadeItemsStoryTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  private TestTenant owner;
  private TestTenant other;

  @BeforeEach
  void tenants() {
    TrackerStack.simulator().clearFaults();
    owner = stranger();
    other = stranger();
  }

  /** One to which no account is granted. */
  private static TestTenant stranger() {
    return TestTenant.create("{\"name\":\"story\",\"track_accounts\":[]}", "{\"name\":\"story\"}");
  }

  @Test
  void a_session_is_for_whoever_made_it() {
    String session =
        owner
            .caller()
            .body("{\"video_url\":\"https://example.com/a.mp4\"}")
            .post("/kling/v1/videos/identify-face")
            .then()
            .statusCode(200)
            .extract()
            .path("data.session_id");
    String body =
        "{\"session_id\":\"%s\",\"face_choose\":[{\"face_id\":\"0\"}]}".formatted(session);

    submit(owner, "videos/advanced-lip-sync", body).statusCode(200);
    submit(other, "videos/advanced-lip-sync", body)
        .statusCode(400)
        .body("code", equalTo(1201))
        .body(
            "message",
            equalTo(
                "session_id value '%s' is invalid: no such session of yours".formatted(session)));
  }

  @Test
  void a_video_that_a_task_made_is_used_by_its_owner_alone() {
    String task = owner.submit("shot");
    Awaitility.await()
        .atMost(LIMIT)
        .until(() -> "succeed".equals(owner.caller().get("/v1/tasks/" + task).path("status")));
    String video = owner.caller().get("/v1/tasks/" + task).path("result.videos[0].id");
    String extend = "{\"video_id\":\"%s\"}".formatted(video);
    String speaks =
        """
        {"input":{"video_id":"%s","mode":"text2video","text":"Land","voice_id":"genshin_vindi2","voice_language":"en"}}\
        """
            .formatted(video);

    submit(owner, "videos/video-extend", extend).statusCode(200);
    submit(owner, "videos/lip-sync", speaks).statusCode(200);
    submit(owner, "videos/identify-face", extend).statusCode(200);
    for (String path : List.of("videos/video-extend", "videos/identify-face")) {
      submit(other, path, extend)
          .statusCode(400)
          .body("code", equalTo(1201))
          .body(
              "message",
              equalTo("video_id value '%s' is invalid: no such video of yours".formatted(video)));
    }
    submit(other, "videos/lip-sync", speaks).statusCode(400);
    submit(owner, "videos/video-extend", extend.replace(video, "+" + video)).statusCode(400);
  }

  @Test
  void sound_that_a_call_made_is_used_by_its_maker_alone() {
    String sound =
        submit(owner, "audio/tts", "{\"text\":\"hello\",\"voice_id\":\"genshin_vindi2\"}")
            .statusCode(200)
            .extract()
            .path("data.task_result.audios[0].id");
    String avatar = "{\"image\":\"aGk=\",\"audio_id\":\"%s\"}".formatted(sound);

    submit(owner, "videos/avatar/image2video", avatar).statusCode(200);
    submit(other, "videos/avatar/image2video", avatar)
        .statusCode(400)
        .body("message", containsString("no such audio of yours"));
  }

  @Test
  void a_voice_that_a_task_made_is_used_and_deleted_by_its_owner_alone() {
    String task =
        submit(
                owner,
                "general/custom-voices",
                "{\"voice_name\":\"captain\",\"voice_url\":\"https://example.com/a.mp3\"}")
            .statusCode(200)
            .extract()
            .path("data.task_id");
    Awaitility.await()
        .atMost(LIMIT)
        .until(() -> "succeed".equals(owner.caller().get("/v1/tasks/" + task).path("status")));
    String voice =
        owner
            .caller()
            .get("/kling/v1/general/custom-voices/" + task)
            .path("data.task_result.voices[0].voice_id");
    String speaks =
        """
        {"model_name":"kling-v2-6","prompt":"<<<voice_1>>>: land ahead","voice_list":[{"voice_id":"%s"}],
        "sound":"on","mode":"pro","duration":"5"}\
        """
            .formatted(voice);
    String delete = "{\"voice_id\":\"%s\"}".formatted(voice);

    submit(owner, "videos/text2video", speaks).statusCode(200);
    submit(other, "videos/text2video", speaks).statusCode(400);
    submit(other, "general/delete-voices", delete).statusCode(400);
    submit(owner, "general/delete-voices", "{}").statusCode(400);
    for (String odd : List.of(" " + voice, "+" + voice, voice + ".0", "0" + voice)) {
      submit(other, "videos/text2video", speaks.replace(voice, odd)).statusCode(400);
      submit(other, "general/delete-voices", delete.replace(voice, odd)).statusCode(400);
      submit(other, "audio/tts", "{\"text\":\"hello\",\"voice_id\":\"%s\"}".formatted(odd))
          .statusCode(400)
          .body("code", equalTo(1201))
          .body("message", containsString("must be a word or digits"));
    }
    // Neither is taken as if it had not been there.
    headed(owner, "Tracker-Dry-Run", "true", delete, "Tracker-Dry-Run is not possible on");
    headed(owner, "Tracker-Dry-Run", "perhaps", delete, "Tracker-Dry-Run must be true or false");
    headed(owner, "Idempotency-Key", "k", delete, "Idempotency-Key is not possible on");
    submit(owner, "videos/text2video", speaks).statusCode(200);
    submit(owner, "general/delete-voices", delete).statusCode(200).body("code", equalTo(0));
    submit(owner, "videos/text2video", speaks)
        .statusCode(400)
        .body("message", containsString("no such voice of yours"));
  }

  @Test
  void presets_are_everybody_s_once_they_were_listed() {
    String preset =
        other
            .caller()
            .get("/kling/v1/general/presets-voices?pageNum=1&pageSize=30")
            .then()
            .statusCode(200)
            .body("code", equalTo(0))
            .body("data", hasSize(3))
            .extract()
            .path("data[0].task_result.voices[0].voice_id");

    submit(owner, "audio/tts", "{\"text\":\"hello\",\"voice_id\":\"%s\"}".formatted(preset))
        .statusCode(200);
    submit(owner, "general/delete-voices", "{\"voice_id\":\"%s\"}".formatted(preset))
        .statusCode(400);
  }

  private static void headed(
      TestTenant tenant, String header, String value, String body, String message) {
    tenant
        .caller()
        .header(header, value)
        .body(body)
        .post("/kling/v1/general/delete-voices")
        .then()
        .statusCode(400)
        .body("code", equalTo(1201))
        .body("message", containsString(message));
  }

  private static ValidatableResponse submit(TestTenant tenant, String path, String body) {
    return tenant.caller().body(body).post("/kling/v1/" + path).then();
  }
}
