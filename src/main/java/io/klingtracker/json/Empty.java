package io.klingtracker.json;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What an empty value is. Clients fill in every field of their forms, so an empty one means the
 * same as none, whatever its type: an optional field is absent then, and a required one is missing.
 */
public final class Empty {

  private Empty() {}

  /**
   * True for a missing value, null, blank text, and an array or an object that holds nothing else.
   * False and 0 say something.
   */
  public static boolean is(JsonNode value) {
    if (value.isTextual()) {
      return value.textValue().isBlank();
    }
    if (!value.isContainerNode()) {
      return value.isMissingNode() || value.isNull();
    }
    for (JsonNode part : value) {
      if (!is(part)) {
        return false;
      }
    }
    return true;
  }
}
