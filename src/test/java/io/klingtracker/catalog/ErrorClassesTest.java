package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a caller is told of a failure, so that he need not know Kling's codes and texts. */
class ErrorClassesTest {

  @ParameterizedTest
  @CsvSource({
    "1000, ours,",
    "1001, ours,",
    "1002, ours,",
    "1003, ours,",
    "1004, ours,",
    "1100, ours,",
    "1101, balance,",
    "1102, balance,",
    "1103, ours, false",
    "1200, input, false",
    "1201, input, false",
    "1202, input, false",
    "1203, input, false",
    "1300, policy, false",
    "1301, policy, false",
    "1302, capacity, true",
    "1303, capacity, true",
    "1304, ours,",
    "5000, kling, true",
    "5001, kling, true",
    "5002, kling, true",
    "9999, kling,"
  })
  void a_code_says_it_whatever_the_text(int code, String name, @Nullable Boolean retryable) {
    assertEquals(name + " " + retryable, of(code, "something else"));
    if (code != 9999) {
      assertEquals(name + " " + retryable, of(code, "Image pixel is invalid"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          Failure to pass the risk control system | policy | false
          failure to pass the risk control SYSTEM: please change your prompt | policy | false
          Image pixel is invalid | input | false
          File is not in a valid base64 format | input | false
          Something went wrong when we tried to get the contents of the file. | input |
          model is not supported | input | false
          model/mode/duration(kling-v2-5-turbo/std/10) is not supported with image_tail | input | false
          Image tail is not supported by the current model | input | false
          This API is no longer available | input | false
          The model 'kling-v1' has been discontinued and is no longer available. | input | false
          Account balance not enough | balance |
          parallel task over resource pack limit | capacity | true
          not dispatched before its deadline; Kling does not have it | capacity | true
          not accepted, turned away before Kling 8 times: 403 | kling |
          no such Kling account any more: second | ours | false
          no such kind of task any more: house; nothing was sent to Kling | input | false
          Service busy | kling |
          The reason was: Image pixel is invalid | kling |
          '' | kling |
          """)
  void a_text_without_a_code_says_it_by_its_beginning(
      String text, String name, @Nullable Boolean retryable) {
    assertEquals(name + " " + retryable, of(null, text));
    assertEquals(name + " " + retryable, of(null, "  " + text));
  }

  @Test
  void the_most_exact_beginning_counts_wherever_it_stands() {
    Catalog over =
        CatalogOver.read(
            "errors: {messages: {\"The model 'kling-v3' is busy\": {class: capacity, retryable: true}}}");

    ErrorClass error = over.errorClass(null, "The model 'kling-v3' is busy; try again");

    assertEquals("capacity true", error.name().wireName() + " " + error.retryable());
  }

  @Test
  void an_overlay_changes_what_a_failure_was_and_not_what_an_answer_means() {
    Catalog over =
        CatalogOver.read("errors: {codes: {1303: ~, 5000: {class: ours}, 1305: {class: balance}}}");

    assertEquals(ErrorClass.Name.KLING, over.errorClass(1303, "none").name());
    assertEquals(ErrorClass.Name.OURS, over.errorClass(5000, "none").name());
    assertEquals(ErrorClass.Name.BALANCE, over.errorClass(1305, "none").name());
    assertEquals(AnswerTable.About.SLOTS, over.answers().about(1303));
    assertEquals(AnswerTable.Proof.IN_DOUBT, over.answers().of(500, 5000, "none").proof());
    assertEquals(AnswerTable.Proof.REFUSED, over.answers().of(400, 1305, "none").proof());
  }

  private static String of(@Nullable Integer code, String text) {
    ErrorClass error = Catalog.builtIn().errorClass(code, text);
    return error.name().wireName() + " " + error.retryable();
  }
}
