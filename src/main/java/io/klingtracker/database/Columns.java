package io.klingtracker.database;

import java.math.BigDecimal;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/**
 * The one way to bind arrays: items column by column, an array each, in the order of the items, for
 * {@code unnest}; or a list of values as the one column that it is, for {@code any}.
 *
 * @param <S> the statement
 * @param <T> an item
 */
public final class Columns<S extends SqlStatement<S>, T> {

  private final S statement;
  private final List<T> items;

  private Columns(S statement, List<T> items) {
    this.statement = statement;
    this.items = items;
  }

  /** Begins to bind; {@link #rest} ends it. */
  public static <S extends SqlStatement<S>, T> Columns<S, T> of(S statement, Collection<T> items) {
    return new Columns<>(statement, List.copyOf(items));
  }

  /** A column of {@code text}, and of whatever a statement casts texts to. */
  public Columns<S, T> texts(String name, Function<? super T, @Nullable String> value) {
    return bind(name, String.class, value);
  }

  /**
   * A column of values whose text PostgreSQL can read when the statement casts them: times, truth
   * values, numbers of any sort.
   */
  public Columns<S, T> written(String name, Function<? super T, ? extends @Nullable Object> value) {
    return bind(
        name,
        String.class,
        item -> {
          Object written = value.apply(item);
          return written == null ? null : written.toString();
        });
  }

  /** A column of {@code int4}. */
  public Columns<S, T> ints(String name, Function<? super T, @Nullable Integer> value) {
    return bind(name, Integer.class, value);
  }

  /** A column of {@code int8}. */
  public Columns<S, T> longs(String name, Function<? super T, @Nullable Long> value) {
    return bind(name, Long.class, value);
  }

  /** A column of {@code numeric}. */
  public Columns<S, T> decimals(String name, Function<? super T, @Nullable BigDecimal> value) {
    return bind(name, BigDecimal.class, value);
  }

  /** A column of {@code boolean}. */
  public Columns<S, T> booleans(String name, Function<? super T, @Nullable Boolean> value) {
    return bind(name, Boolean.class, value);
  }

  /** A column of {@code uuid}. */
  public Columns<S, T> uuids(String name, Function<? super T, @Nullable UUID> value) {
    return bind(name, UUID.class, value);
  }

  /** Other items, whose columns are bound next to those of these. */
  public <U> Columns<S, U> and(Collection<U> others) {
    return of(statement, others);
  }

  /** The statement, to bind the rest. */
  public S rest() {
    return statement;
  }

  private <V> Columns<S, T> bind(
      String name, Class<V> type, Function<? super T, ? extends @Nullable V> value) {
    @Nullable Object[] values = new Object[items.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = value.apply(items.get(i));
    }
    statement.bindArray(name, type, values);
    return this;
  }
}
