package io.klingtracker.custody;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteRangeTest {

  @ParameterizedTest
  @CsvSource(
      nullValues = "none",
      value = {
        "none, 0, 100, false",
        "'', 0, 100, false",
        "bytes=0-, 0, 100, true",
        "bytes=0-0, 0, 1, true",
        "BYTES=10-19, 10, 10, true",
        "bytes=90-1000, 90, 10, true",
        "bytes=99-, 99, 1, true",
        "bytes=-10, 90, 10, true",
        "bytes=-1000, 0, 100, true",
        // No ranges that RFC 9110 knows, or several: all of it.
        "bytes=-, 0, 100, false",
        "bytes=20-10, 0, 100, false",
        "'bytes=0-1,5-6', 0, 100, false",
        "items=0-1, 0, 100, false",
        "bytes=99999999999999999999-, 0, 100, false",
      })
  void of_a_hundred_bytes(String header, long start, long length, boolean partial) {
    assertEquals(new ByteRange(start, length, partial), ByteRange.of(header, 100));
  }

  @ParameterizedTest
  @CsvSource({"bytes=100-", "bytes=500-600", "bytes=-0"})
  void there_are_none_such(String header) {
    assertEquals(null, ByteRange.of(header, 100));
  }
}
