package io.klingtracker.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.json.Body;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a file over the built-in one may say, and what is refused with its place. */
class CatalogReaderTest {

  @Test
  void an_empty_file_changes_nothing_but_the_version() {
    Catalog with = over("# nothing yet\n");

    assertTrue(with.version().startsWith(Catalog.builtIn().version() + "+"), with.version());
    assertEquals(names(Catalog.builtIn()), names(with));
  }

  @Test
  void a_row_has_what_the_built_in_one_says_and_the_file_does_not() {
    Catalog with =
        over(
            """
            version: july
            models:
              kling-v2-6:
                fields: {duration: {seconds: [5, 10, 15]}}
            """);

    assertEquals(Catalog.builtIn().version() + "+july", with.version());
    Model model = model(with, "text2video", "kling-v2-6");
    assertEquals("must be one of 5, 10, 15 seconds", type(model, "duration").rule());
    assertEquals("must be one of std, pro", type(model, "mode").rule());
    assertEquals(List.of("pro"), model.modes().get("sound"));
  }

  @Test
  void a_model_comes_with_its_kinds_limits_and_price() {
    Catalog with =
        over(
            """
            models:
              kling-5.0:
                kinds: {text-to-video: {}, image-to-video: {contents: {prompt: 1, total: 1..30}}}
                fields: {settings.duration: {seconds: 3..60, required: true}}
                takes: {callback_url: false}
            prices:
              - {kinds: [text-to-video], model: kling-5.0, per: second, units: 2}
            """);

    Model model = model(with, "text-to-video", "kling-5.0");
    FieldType.Shape settings = (FieldType.Shape) type(model, "settings");
    Field duration =
        settings.fields().stream().filter(f -> f.name().equals("duration")).findAny().orElseThrow();
    assertTrue(duration.always());
    assertEquals("5", duration.defaultValue());
    assertFalse(model.takes().callbackUrl());
    assertTrue(model.takes().apiKeyOnly());
    Kind kind = with.ofName("text-to-video").orElseThrow();
    Rule.RequestView request =
        new Rule.RequestView(Body.parse("{\"settings\":{\"duration\":4}}").root(), model);
    assertEquals("8", with.units(kind, "kling-5.0", request).toPlainString());
    assertTrue(with.knowsModel("kling-5.0"));
    assertFalse(Catalog.builtIn().knowsModel("kling-5.0"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          models: {kling-4.0: {retired: 2030-01-01}} | kling-4.0, kling-4.0-flash
          models: {kling-4.0: {takes: {callback_url: true}}} |
          kinds: {omni-image: {fields: {n: {whole: 1..4}}}} | kling-image-o1, kling-v3-omni
          groups: {camera: {camera_control.config.zoom: {number: 0..1}}} | kling-v1, kling-v1-5, kling-v1-6, kling-v2-1, kling-v2-1-master, kling-v2-5-turbo, kling-v2-6, kling-v2-master, kling-v3
          parts: {element: text} | kling-2.5-turbo, kling-2.6, kling-3.0, kling-3.0-omni, kling-3.0-turbo, kling-4.0, kling-4.0-flash, kling-o1
          common: {newer: {options.callback_url: any}} | kling-2.5-turbo, kling-2.6, kling-3.0, kling-3.0-omni, kling-3.0-turbo, kling-4.0, kling-4.0-flash, kling-o1
          prices: [{kinds: [text2video], model: kling-v3, per: second, units: 1}] | kling-v3
          prices: [{kinds: [omni-image], per: image, units: 1}] | kling-image-o1, kling-v3-omni
          kinds: {multi-image2image: ~} |
          kinds: {omni-image: ~} | kling-v3-omni
          models: {kling-3: {kinds: {text-to-video: {}}}} | kling-3
          money: {unit: 1} |
          """)
  void a_row_is_the_overlay_s_if_anything_of_it_is(String yaml, @Nullable String models) {
    Catalog over = over(yaml);

    assertEquals(
        models == null ? "" : models,
        over.modelNames().stream()
            .filter(over::isOverlaid)
            .sorted()
            .collect(Collectors.joining(", ")));
  }

  @Test
  void a_name_that_leads_to_such_a_row_is_listed_as_the_overlay_s() {
    ModelMapping mapping =
        ModelMapping.of(Map.of("best", "kling-v3", "good", "kling-v2-6"), Set.of());
    Map<String, String> origins =
        CatalogDocs.models(
                over("models: {kling-v3: {retired: 2030-01-01}}"), mapping, LocalDate.EPOCH)
            .stream()
            .collect(Collectors.toMap(CatalogDocs.Listed::name, CatalogDocs.Listed::origin));

    assertEquals("overlay", origins.get("best"));
    assertEquals("overlay", origins.get("kling-v3"));
    assertEquals("kling.models", origins.get("good"));
    assertEquals("built-in", origins.get("kling-v2-6"));
  }

  @Test
  void what_a_unit_costs_and_where_in_which_currency_is_the_operator_s_to_say() {
    assertEquals("USD", UnitPrice.currencyOn("api-singapore.klingai.com"));
    assertEquals("CNY", UnitPrice.currencyOn("api-beijing.klingai.com"));
    assertEquals("0.42", UnitPrice.of(new BigDecimal("3")).toPlainString());

    try (CatalogOver over =
        new CatalogOver(
            "money: {unit: 1, currency: CNY, hosts: {api-beijing.klingai.com: ~, kling.local: EUR}}")) {
      assertEquals("CNY", UnitPrice.currency());
      assertEquals("CNY", UnitPrice.currencyOn("api-beijing.klingai.com"));
      assertEquals("EUR", UnitPrice.currencyOn("kling.local"));
      assertEquals("3", UnitPrice.of(new BigDecimal("3")).toPlainString());
    }
  }

  @Test
  void none_takes_a_name_out() {
    Catalog with = over("models: {kling-v2-6: {modes: ~}}");

    assertTrue(model(with, "text2video", "kling-v2-6").modes().isEmpty());
  }

  @Test
  void a_word_in_yaml_stays_the_word_that_was_written() {
    Catalog with =
        over("kinds: {omni-video: {fields: {sound: {choice: [on, off, yes, 16:9, 3.0, ~x]}}}}");

    Kind kind = with.ofName("omni-video").orElseThrow();
    Field sound =
        kind.fields().stream().filter(f -> f.name().equals("sound")).findAny().orElseThrow();
    assertEquals("must be one of on, off, yes, 16:9, 3.0, ~x", sound.type().rule());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          models: {kling-v3: {kindz: {}}} | over.yaml line 1, models.kling-v3.kindz: is no name that is known here; must be one of contents,
          model: {} | over.yaml line 1, model: is no name
          models: {x: {kinds: {text3video: {}}}} | models.x.kinds.text3video: is no name
          models: {x: {}} | models.x: needs kinds
          models: {kling-v3: {fields: {durtion: {text: 1}}}} | models.kling-v3.fields.durtion: none of the model's kinds has such a field
          models: {kling-v3: {kinds: {text2video: {fields: {n: {text: 1}}}}}} | the kind has no such field
          models: {kling-v3: {fields: {duration: {seconds: 3-15}}}} | models.kling-v3.fields.duration.seconds: must be a range such as 3..15, 3.. or 3, is '3-15'
          models: {kling-v3: {fields: {duration: {seconds: 15..3}}}} | must be a range
          models: {kling-v3: {fields: {duration: {seconds: 3..20000}}}} | must be whole numbers up to 9999
          models: {kling-v3: {fields: {duration: {secs: 3..15}}}} | models.kling-v3.fields.duration.secs: is no name
          models: {kling-v3: {fields: {duration: clock}}} | models.kling-v3.fields.duration: must be one of any, flag, id, media, never
          models: {kling-v3: {retired: soon}} | models.kling-v3.retired: must be a day such as 2026-09-15, is 'soon'
          models: {kling-v3: {takes: {credential: cookie}}} | must be one of any, api-key, is 'cookie'
          models: {kling-v3: {takes: {callback_url: yes}}} | must be one of true, false, is 'yes'
          models: {kling-v3: 7} | models.kling-v3: must have names and values
          kinds: {text2video: {default_model: kling-9}} | kinds.text2video.default_model: there is no model kling-9
          kinds: {text2video: {family: film}} | kinds.text2video.family: must be one of video, image, try-on, audio, general, is 'film'
          kinds: {text2video: {rules: [add-up]}} | kinds.text2video.rules[0]: must be one of camera,
          kinds: {text2video: {with: [shot]}} | kinds.text2video.with[0]: must be one of
          kinds: {text2video: {route: videos/text2video}} | kinds.text2video.route: must be /v1/… or /…/{model}
          kinds: {text2video: {fields: {a.b: flag}}} | kinds.text2video.fields.a.b: is inside of a, which is no field here
          kinds: {text2video: {fields: {a: {text: 1, choice: [b]}}}} | needs one of
          kinds: {image2video: {route: /v1/videos/text2video}} | over.yaml line 1, kinds.image2video.route: is the same path as that of catalog.yaml line
          kinds: {text2video: {route: /v1/videos/image2video}} | over.yaml line 1, kinds.text2video.route: is the same path as that of catalog.yaml line
          kinds: {lip-sync: {route: /v1/audio/tts}} | over.yaml line 1, kinds.lip-sync.route: is the same path as that of catalog.yaml line
          sync: {videos/text2video: {}} | over.yaml line 1, sync.videos/text2video: is the same path as that of catalog.yaml line
          sync: {/v1/audio/tts: {}} | sync./v1/audio/tts: must be a path below /v1/, such as audio/tts
          models: {kling-v3: {fields: {duration: {seconds: []}}}} | models.kling-v3.fields.duration.seconds: must hold one at least
          kinds: {text2video: {fields: {mode: {choice: []}}}} | kinds.text2video.fields.mode.choice: must hold one at least
          models: {kling-v3: {modes: {sound: []}}} | models.kling-v3.modes.sound: must hold one at least
          prices: [{kinds: [], per: second, units: 1}] | prices[0].kinds: must hold one at least
          kinds: {text2video: {results: []}} | kinds.text2video.results: must hold one at least
          kinds: {image2video: {rules: [{any-of: [], says: no}]}} | any-of: must hold one at least
          kinds: {text2video: {results: [vidoes]}} | kinds.text2video.results[0]: must be one of videos, images,
          prices: [{kinds: [text2video], mode: stdd, per: second, units: 1}] | prices[0].mode: must be one of 4k, pro, std, is 'stdd'
          prices: [{kinds: [text-to-video], mode: 720, per: second, units: 1}] | prices[0].mode: must be one of 1080p, 4k, 720p, is '720'
          kinds: {newer/omni-video: {contents: {promt: 1}}} | kinds.newer/omni-video.contents.promt: there is no part promt
          models: {kling-4.0: {kinds: {newer/omni-video: {contents: {first_frame+last_fram: 1}}}}} | there is no part last_fram; give it a row in parts
          models: {x: {kinds: {image-to-video: {contents: {}}}}} | models.x.kinds.image-to-video.contents: needs a part at least
          kinds: {text2video: {contents: {prompt: 1}}} | kinds.text2video.contents: the kind has no contents
          models: {kling-v3: {contents: {prompt: 1}}} | models.kling-v3.contents: none of the model's kinds has contents
          parts: {prompt: words} | parts.prompt: must be one of text, url, any, is 'words'
          kinds: {text2video: {fields: {duration: {seconds: 3..15, default: banana}}}} | kinds.text2video.fields.duration.default: must be whole seconds from 3 to 15, is 'banana'
          models: {kling-v3: {fields: {mode: {default: prro}}}} | models.kling-v3.fields.mode.default: must be one of std, pro, 4k, is 'prro'
          errors: {messages: {'': {class: input}}} | must be the beginning of a message
          models: {x: {kinds: {}}} | models.x.kinds: must hold one at least
          models: {'': {kinds: {text2video: {}}}} | models.: must be named by letters
          models: {kling/5: {kinds: {text2video: {}}}} | models.kling/5: must be named by letters
          models: {x: {kinds: {text2video: {also: kling/5}}}} | models.x.kinds.text2video.also: must be letters, digits, ., _ and -, is 'kling/5'
          kinds: {Text: {route: /v1/videos/new}} | kinds.Text: must be named by small letters
          models: {kling-4.0: ~} | over.yaml line 1, models.kling-4.0: is taken out, and catalog.yaml line
          models: {kling-v1: ~} | over.yaml line 1, models.kling-v1: is taken out, and catalog.yaml line
          groups: {sound: {sound: ~}} | over.yaml line 1, groups.sound.sound: is taken out, and catalog.yaml line
          models: {"a\\nb": {}} | over.yaml line 1, models.a b: must be named by letters
          "a\\nb": 1 | over.yaml line 1, a b: is no name
          prices: [{kinds: [text2vid], per: second, units: 1}] | over.yaml line 1, prices[0].kinds: there is no kind text2vid
          prices: [{kinds: [text2video], per: minute, units: 1}] | prices[0].per: must be one of second, image, call, is 'minute'
          prices: [{kinds: [text2video], per: second, units: -1}] | prices[0].units: must be a number such as 0.6, is '-1'
          prices: [{kinds: [text2video], per: second}] | prices[0]: needs units
          prices: [{kinds: [text2video], class: silnet, per: second, units: 1}] | prices[0].class: must be one of silent, audio, voice, video, text, image, is 'silnet'
          prices: [{kinds: [text2video], model: kling-v33, per: second, units: 1}] | prices[0].model: none of the kinds has a model kling-v33
          models: {kling-v3: {ignored: [cfg_scael]}} | models.kling-v3.ignored[0]: no kind has such a field, is 'cfg_scael'
          models: {kling-v3: {kinds: {text2video: {ignored: [settings.audoi]}}}} | models.kling-v3.kinds.text2video.ignored[0]: no kind has such a field
          models: {kling-v3: {modes: {imagetail: [pro]}}} | models.kling-v3.modes.imagetail: none of the model's kinds has such a field
          models: {kling-v3: {modes: {image_tail: [proo]}}} | models.kling-v3.modes.image_tail[0]: must be one of 4k, pro, std, is 'proo'
          kinds: {video-to-audio: {rules: [{one-of: [video_id, video_ulr]}]}} | kinds.video-to-audio.rules[0].one-of[1]: the kind has no such field, is 'video_ulr'
          kinds: {image2video: {rules: [{exclusive: [image_tail, [static_msk]]}]}} | exclusive[1][0]: the kind has no such field, is 'static_msk'
          kinds: {image2video: {rules: [{any-of: [imge], says: no}]}} | any-of[0]: the kind has no such field, is 'imge'
          models: {kling-3.0: {takes: {credential: any}}} | models.kling-3.0.takes.credential: must be api-key on /…/{model}
          models: {kling-v3: {takes: {credential: api-key}}} | models.kling-v3.takes.credential: must be any on /v1/…
          kinds: {text-to-video: {takes: {credential: any}}} | kinds.text-to-video.takes.credential: must be api-key
          models: {x: {kinds: {text2video: {}, text-to-video: {}}}} | models.x.kinds: are of both generations
          money: {currency: dollar} | money.currency: must be a currency such as USD, is 'dollar'
          money: {unit: -1} | money.unit: must be a number
          money: {hosts: {api-beijing.klingai.com: yuan}} | money.hosts.api-beijing.klingai.com: must be a currency
          money: {hosts: {https://api-beijing.klingai.com: CNY}} | must be of a host
          kinds: {image2video: {fields: {image: {media: much}}}} | kinds.image2video.fields.image.media: must be
          errors: {codes: {1301: {class: bad}}} | errors.codes.1301.class: must be one of input,
          errors: {codes: {many: {class: input}}} | must be one of Kling's codes
          errors: {codes: {5000: {proof: not-arrived}}} | errors.codes.5000.proof: is no name that is known here
          errors: {codes: {1201: {texts: {busy: {proof: not-arrived}}}}} | errors.codes.1201.texts: is no name that is known here
          errors: {codes: {1301: {class: ~}}} | errors.codes.1301: needs class
          errors: {codes: {1399: {retryable: true}}} | errors.codes.1399: needs class
          errors: {messages: {Busy: {class: kling, before-codes: true}}} | errors.messages.Busy.before-codes: is no name that is known here
          errors: {statuses: {502: {proof: not-arrived}}} | errors.statuses: is no name that is known here
          format: 2 | format: must be one of 1, is '2'
          models: {a: &x {kinds: *x}} | over.yaml line 1, models.a: anchors are not read
          models: {kling-v3: {ignored: [a], ignored: [b]}} | models.kling-v3.ignored: is there twice
          models: [kling-v3] | models: must have names and values
          models: { | over.yaml line
          """)
  void what_is_wrong_is_said_in_one_line_with_its_place(String yaml, String words) {
    CatalogFault fault = assertThrows(CatalogFault.class, () -> over(yaml));

    String message = String.valueOf(fault.getMessage());
    assertTrue(message.startsWith("over.yaml line"), message);
    assertTrue(message.contains(words), message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void a_fault_names_the_line_of_the_file_that_it_is_in() {
    CatalogFault fault =
        assertThrows(
            CatalogFault.class, () -> over("version: a\nmodels:\n  kling-v3:\n    retired: 1\n"));

    assertTrue(
        String.valueOf(fault.getMessage()).startsWith("over.yaml line 4, models.kling-v3.retired:"),
        fault.getMessage());
  }

  @Test
  void a_character_that_no_text_has_is_named_with_its_line() {
    String lines = "# a line\n".repeat(500);

    CatalogFault fault =
        assertThrows(CatalogFault.class, () -> over(lines + "version: a\u0001b\n"));

    assertTrue(
        String.valueOf(fault.getMessage()).startsWith("over.yaml line 501: "), fault.getMessage());
  }

  @Test
  void kinds_and_models_that_are_taken_out_go_from_the_rows_that_name_them() {
    Catalog without =
        over("kinds: {video-extend: ~, newer/omni-video: ~}\nmodels: {kling-v1-5: ~}\n");

    assertTrue(without.ofName("video-extend").isEmpty());
    assertFalse(without.knowsModel("kling-o1"));
    assertTrue(without.knowsModel("kling-4.0"));
    assertFalse(without.knowsModel("kling-v1-5"));
    assertFalse(
        without.prices().rows().stream().anyMatch(row -> row.kinds().contains("video-extend")));
    assertFalse(without.prices().rows().stream().anyMatch(row -> row.model().equals("kling-v1-5")));
    assertTrue(
        without.hasPrice(without.ofName("text-to-video").orElseThrow(), "kling-4.0"),
        "a row of several kinds stays that of the others");
    assertTrue(
        String.valueOf(
                assertThrows(
                        CatalogFault.class,
                        () ->
                            over(
                                """
                                kinds: {video-extend: ~}
                                prices: [{kinds: [video-extend], per: call, units: 1}]
                                """))
                    .getMessage())
            .startsWith("over.yaml line 2, prices[0].kinds: there is no kind video-extend"));
  }

  @Test
  void contents_of_a_model_hold_on_those_of_its_kinds_that_have_some() {
    Catalog with =
        over(
            """
            parts: {lyrics: text}
            models:
              kling-5.0:
                kinds: {text-to-video: {}, image-to-video: {}}
                contents: {prompt: 1, lyrics: 0..1}
            """);

    assertNull(model(with, "text-to-video", "kling-5.0").contents());
    Contents contents = model(with, "image-to-video", "kling-5.0").contents();
    assertNotNull(contents);
    assertEquals("contents holds 1 to 1 of type prompt, at most 1 of type lyrics", contents.doc());
  }

  @Test
  void a_failure_is_told_by_its_code_or_by_the_beginning_of_its_message() {
    Catalog catalog = Catalog.builtIn();

    assertEquals(ErrorClass.Name.POLICY, catalog.errorClass(1301, null).name());
    assertEquals(Boolean.TRUE, catalog.errorClass(1303, "anything").retryable());
    assertEquals(
        ErrorClass.Name.POLICY,
        catalog.errorClass(null, "failure to pass the risk control system.").name());
    assertEquals(ErrorClass.Name.INPUT, catalog.errorClass(null, "Image pixel is invalid").name());
    assertEquals(
        ErrorClass.Name.INPUT, catalog.errorClass(7777, "The model 'kling-v1' has been").name());
    assertEquals(ErrorClass.Name.KLING, catalog.errorClass(null, "never heard").name());
    assertNull(catalog.errorClass(null, null).retryable());
    assertEquals(
        ErrorClass.Name.CAPACITY,
        over("errors: {messages: {Busy: {class: capacity, retryable: true}}}")
            .errorClass(null, "busy now")
            .name());
  }

  private static Catalog over(String yaml) {
    return CatalogReader.read(Catalog.builtInText(), new CatalogReader.Overlay("over.yaml", yaml));
  }

  private static List<String> names(Catalog catalog) {
    return catalog.kinds().stream().map(Kind::name).toList();
  }

  private static Model model(Catalog catalog, String kind, String name) {
    return catalog.ofName(kind).orElseThrow().model(name).orElseThrow();
  }

  private static FieldType type(Model model, String field) {
    return model.fields().stream()
        .filter(f -> f.name().equals(field))
        .findAny()
        .orElseThrow()
        .type();
  }
}
