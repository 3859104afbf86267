/**
 * Stories over HTTP with the real PostgreSQL, Kafka and the Kling simulator: what the README
 * promises, once each.
 */
package io.klingtracker.story;
