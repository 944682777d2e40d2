/** The contract of Pannier's gRPC services: generated messages and the bridge to grpc-js. */
export * from './encoded-message.ts';
export * from './gen/pannier/cache/v1/admin_service_pb.ts';
export * from './gen/pannier/cache/v1/cache_service_pb.ts';
export * from './gen/pannier/cache/v1/dataset_pb.ts';
export * from './gen/pannier/cache/v1/error_pb.ts';
export * from './gen/pannier/cache/v1/exchange_pb.ts';
export * from './gen/pannier/cache/v1/http_pb.ts';
export * from './gen/pannier/cache/v1/invalidation_pb.ts';
export * from './gen/pannier/cache/v1/job_pb.ts';
export * from './gen/pannier/cache/v1/object_pb.ts';
export * from './gen/pannier/cache/v1/value_pb.ts';
export * from './grpc-client.ts';
export * from './grpc-service-definition.ts';
