package io.klingtracker.request;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import io.klingtracker.text.ForeignText;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What is wrong with a JSON body that could not be read, described without a class or a stack. */
public final class JsonFaults {

  /** Of a field's path, in bytes: its names are the caller's. */
  private static final int MAX_PATH = 200;

  /** Characters of what the parser says. */
  private static final int MAX_FAULT = 160;

  private JsonFaults() {}

  /** The refusal's words. */
  public static String describe(JsonProcessingException fault) {
    if (fault instanceof JsonMappingException mapping
        && fault.getCause() instanceof InputCoercionException overflow) {
      String path = path(mapping);
      boolean isInt = overflow.getTargetType() == int.class;
      return (path.isEmpty() ? "the body" : path)
          + " must be a whole number from "
          + (isInt ? Integer.MIN_VALUE : Long.MIN_VALUE)
          + " to "
          + (isInt ? Integer.MAX_VALUE : Long.MAX_VALUE);
    }
    if (!(fault instanceof MismatchedInputException mismatch)) {
      return "the body is not JSON that can be read: "
          + Nearest.shown(fault(fault.getOriginalMessage()), MAX_FAULT)
          + at(fault.getLocation());
    }
    String path = path(mismatch);
    if (fault instanceof UnrecognizedPropertyException unknown) {
      List<String> known = unknown.getKnownPropertyIds().stream().map(String::valueOf).toList();
      return "unknown field " + path + "; " + Nearest.hint(unknown.getPropertyName(), known);
    }
    if (fault instanceof RefusedValueException) {
      return (path.isEmpty() ? "the body" : path) + " " + fault.getOriginalMessage();
    }
    return path.isEmpty()
        ? "the body must be a JSON object" + at(fault.getLocation())
        : path + " must be " + words(mismatch.getTargetType());
  }

  /** What the parser says, without the places that it says in its own way. */
  private static String fault(@Nullable String message) {
    return String.valueOf(message)
        .lines()
        .findFirst()
        .orElse("")
        .replaceFirst("(\\(start marker| at \\[Source).*", "")
        .strip();
  }

  private static String path(JsonMappingException fault) {
    StringBuilder path = new StringBuilder();
    for (JsonMappingException.Reference step : fault.getPath()) {
      if (step.getFieldName() == null) {
        path.append('[').append(step.getIndex()).append(']');
      } else {
        path.append(path.length() == 0 ? "" : ".").append(step.getFieldName());
      }
    }
    return ForeignText.clean(path.toString(), MAX_PATH);
  }

  private static String words(@Nullable Class<?> type) {
    if (type == null) {
      return "of another type";
    }
    if (type == String.class) {
      return "text";
    }
    if (type == Boolean.class || type == boolean.class) {
      return "true or false";
    }
    if (type == Integer.class || type == int.class || type == Long.class || type == long.class) {
      return "a whole number";
    }
    if (Number.class.isAssignableFrom(type)) {
      return "a number";
    }
    if (Map.class.isAssignableFrom(type) || type.isRecord()) {
      return "an object";
    }
    return Collection.class.isAssignableFrom(type) ? "an array" : "of another type";
  }

  private static String at(@Nullable JsonLocation location) {
    return location == null || location.getLineNr() < 1
        ? ""
        : " (line " + location.getLineNr() + ", column " + location.getColumnNr() + ")";
  }
}
