/** gRPC server reflection over the generated descriptors, so that grpcurl and its like need no .proto files. */
import { toBinary } from '@bufbuild/protobuf';
import type { DescFile } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ReflectionService } from '@grpc/reflection';
import type { Server } from '@grpc/grpc-js';
import { AdminService, CacheService } from '@pannier/proto';

function filesBelow(file: DescFile, seen: Set<DescFile>): Set<DescFile> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const dependency of file.dependencies) filesBelow(dependency, seen);
  return seen;
}

/** Serves reflection, v1 and v1alpha, for both of our services. */
export function addReflection(server: Server): void {
  const files = filesBelow(AdminService.file, filesBelow(CacheService.file, new Set()));
  const fileDescriptorProtos = [...files].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  const format = 'Protocol Buffer 3 DescriptorProto' as const;
  new ReflectionService({ [CacheService.typeName]: { format, type: {}, fileDescriptorProtos } }).addToServer(
    server,
  );
}
