package io.klingtracker.tenant;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Entry to a resource method: only who has a key, or a token, of a tenant with this scope gets in.
 * See {@link AuthenticationFilter}.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Needs {
  /** What the key must be allowed. */
  Scope value();

  /**
   * Whether a request without a key gets in that has a {@code signature} in its query. The method
   * has to check it, and has no {@link CurrentCaller} then.
   */
  boolean orSignature() default false;
}
