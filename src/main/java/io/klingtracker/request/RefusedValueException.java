package io.klingtracker.request;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import org.jspecify.annotations.Nullable;

/** A value of a JSON body that breaks a rule of ours; the message is the rule. */
final class RefusedValueException extends MismatchedInputException {

  private static final long serialVersionUID = 1L;

  RefusedValueException(@Nullable JsonParser parser, String rule, Class<?> type) {
    super(parser, rule, type);
  }
}
