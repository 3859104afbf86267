/**
 * Stories over HTTP with the real PostgreSQL, Kafka and the Kling simulator: what the documents
 * promise, once each.
 */
package io.klingtracker.story;
